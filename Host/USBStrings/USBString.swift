// String descriptors as devices really send them: read as bytes and judged here, because libusb refuses what a kernel reads.
import CLibUSB
import Foundation
import Reporting

/// A string descriptor (USB 2.0, 9.6.7).
public enum USBString {
    /// Milliseconds for a request.
    private static let timeout: UInt32 = 1000

    /// Reads a string in the device's first language, as one printable line. A request that fails is made once more.
    /// - Parameters:
    ///   - handle: an open `libusb_device_handle`.
    ///   - index: as the other descriptors give it; 0 is none.
    /// - Returns: nil if there is none, if it is empty, or if it cannot be read.
    public static func read(_ handle: OpaquePointer, _ index: UInt8) -> String? {
        guard index != 0 else { return nil }
        let languages = bytes(handle, index: 0, language: 0)
        // One that names no language is asked for English, as the kernel does.
        let language = languages.flatMap { $0.count >= 4 ? UInt16($0[2]) | UInt16($0[3]) << 8 : nil } ?? 0x0409
        return bytes(handle, index: index, language: language).flatMap { text($0) }
    }

    /// The text of a descriptor's bytes: as much of it as came, whatever length it claims.
    public static func text(_ bytes: [UInt8]) -> String? {
        guard bytes.count >= 2, bytes[1] == UInt8(LIBUSB_DT_STRING.rawValue) else { return nil }
        let body = bytes.prefix(max(2, Int(bytes[0]))).dropFirst(2)
        let units = stride(from: body.startIndex, to: body.endIndex - 1, by: 2).map {
            UInt16(body[$0]) | UInt16(body[$0 + 1]) << 8
        }
        let text = PrintableText(String(decoding: units.prefix { $0 != 0 }, as: UTF16.self)).text
        return text.isEmpty ? nil : text
    }

    private static func bytes(_ handle: OpaquePointer, index: UInt8, language: UInt16) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 255)
        for _ in 0..<2 {
            let count = libusb_control_transfer(
                handle, UInt8(LIBUSB_ENDPOINT_IN.rawValue), UInt8(LIBUSB_REQUEST_GET_DESCRIPTOR.rawValue),
                UInt16(LIBUSB_DT_STRING.rawValue) << 8 | UInt16(index), language, &buffer, UInt16(buffer.count), timeout)
            if count >= 2 { return Array(buffer.prefix(Int(count))) }
            if count == LIBUSB_ERROR_NO_DEVICE.rawValue { return nil }
        }
        return nil
    }
}
