// cairo's surfaces as bytes in memory: no label goes through a temporary file.
import CCairo
import Reporting

/// Takes what cairo writes.
private final class Collector {
    var bytes: [UInt8] = []
    var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }
    static let write: cairo_write_func_t = { collector, data, count in
        guard let collector, let data else { return CAIRO_STATUS_WRITE_ERROR }
        Unmanaged<Collector>.fromOpaque(collector).takeUnretainedValue().bytes += UnsafeBufferPointer(
            start: data, count: Int(count))
        return CAIRO_STATUS_SUCCESS
    }
}

enum Surface {
    /// A vector document of one size, in points: `make` is cairo's function for its kind.
    static func document(
        _ make: (cairo_write_func_t?, UnsafeMutableRawPointer?, Double, Double) -> OpaquePointer?, width: Double, height: Double,
        _ draw: (OpaquePointer?) throws -> Void
    ) throws -> [UInt8] {
        let collector = Collector()
        let surface = make(Collector.write, collector.pointer, width, height)
        defer { cairo_surface_destroy(surface) }
        let context = cairo_create(surface)
        do {
            defer { cairo_destroy(context) }
            try draw(context)
            try check(cairo_status(context))
        }
        cairo_surface_finish(surface)
        try check(cairo_surface_status(surface))
        return collector.bytes
    }

    /// A white raster of `width` × `height` pixels, `pixels` of them a point; `use` reads it.
    static func raster<R>(
        width: Int, height: Int, pixels: Double, _ draw: (OpaquePointer?) throws -> Void, _ use: (OpaquePointer?) throws -> R
    ) throws -> R {
        let surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(width), Int32(height))
        defer { cairo_surface_destroy(surface) }
        let context = cairo_create(surface)
        defer { cairo_destroy(context) }
        cairo_set_source_rgb(context, 1, 1, 1)
        cairo_paint(context)
        cairo_scale(context, pixels, pixels)
        try draw(context)
        try check(cairo_status(context))
        cairo_surface_flush(surface)
        return try use(surface)
    }

    static func png(_ surface: OpaquePointer?) throws -> [UInt8] {
        let collector = Collector()
        try check(cairo_surface_write_to_png_stream(surface, Collector.write, collector.pointer))
        return collector.bytes
    }

    static func check(_ status: cairo_status_t) throws {
        guard status != CAIRO_STATUS_SUCCESS else { return }
        throw Failure(
            .environment, "the label could not be drawn: \(String(cString: cairo_status_to_string(status)))",
            advice: "Check the memory of this computer, then try again")
    }
}
