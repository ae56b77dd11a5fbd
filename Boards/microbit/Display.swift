// The 5×5 display, which is wired as a matrix of 3 rows of 9.

import HAL
import MCU

/// What the board shows as its `led`.
let heart: UInt32 = 0b00100_01110_11111_11111_01010

struct Screen: Bitmap5x5 {
    /// All dark, and scanned from now on.
    static func configure() { LEDMatrix.configure(firstRow: Pin.row1.rawValue, firstColumn: Pin.column1.rawValue) }

    mutating func show(_ bitmap: UInt32) { show(bitmap, duty: .max) }

    func show(_ bitmap: UInt32, duty: UInt16) {
        var bits: UInt32 = 0
        for index in 0..<25 where bitmap & (1 << UInt32(index)) != 0 { bits |= 1 << UInt32(matrixPlaces[index]) }
        shownBitmap = bitmap
        LEDMatrix.show(bits, duty: duty)
    }
    var shown: UInt32 { shownBitmap }

    /// As many lights as seconds are left.
    mutating func showReset(in seconds: UInt8) { show(1 << UInt32(seconds) &- 1) }
}

nonisolated(unsafe) private var shownBitmap: UInt32 = 0

/// The board has no LED of its own: its `led` is an icon on the display.
struct IconOnDisplay: OutputPin {
    private let icon: UInt32
    @inline(__always) init(_ icon: UInt32) { self.icon = icon }
    mutating func setHigh() {
        var screen = Screen()
        screen.show(icon)
    }
    mutating func setLow() {
        var screen = Screen()
        if isSetHigh { screen.show(0) }
    }
    var isSetHigh: Bool { shownBitmap == icon }
}

/// All lights together as a lamp of any brightness. What is shown last, an icon or the lamp, is what there is to see.
struct WholeDisplay: PWMChannel, BitwiseCopyable {
    mutating func setDuty(_ duty: UInt16) { Screen().show(duty == 0 ? 0 : 0x1FF_FFFF, duty: duty) }
    /// The scan of the matrix has its own: 333 Hz.
    mutating func setFrequency(hertz: UInt32) {}
}
