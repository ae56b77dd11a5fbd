// A multiplexed LED matrix, scanned by TIMER1 (RM 18): one row at a time, each for 1 ms or a share of it.

#if hasFeature(Embedded)
import HAL
import Synchronization

private enum Timer1 {
    static let base: UInt = 0x4000_9000
    static let start = Register(base + 0x000)  // TASKS_START
    static let stop = Register(base + 0x004)  // TASKS_STOP
    static let clear = Register(base + 0x00C)  // TASKS_CLEAR
    static let compared = Register(base + 0x140)  // EVENTS_COMPARE[0]
    static let dimmed = Register(base + 0x144)  // EVENTS_COMPARE[1]
    static let shortcuts = Register(base + 0x200)  // SHORTS: bit 0 COMPARE[0] clears
    static let interruptEnableSet = Register(base + 0x304)  // INTENSET: bit 16 + n for COMPARE[n]
    static let bitMode = Register(base + 0x508)
    static let prescaler = Register(base + 0x510)
    static let compare = Register(base + 0x540)  // CC[0]
    static let darkness = Register(base + 0x544)  // CC[1]
    static let interrupt: UInt32 = 9
}

/// Lit LEDs, nine bits per row from bit 0: one word, so that the interrupt never sees half an image.
private let image = Atomic<UInt32>(0)
/// The row shown, 0…2. Only `showNextRow` writes it.
private let shownRow = Atomic<UInt32>(0)

/// Which pins the matrix is on. Set once, before the interrupt is enabled.
nonisolated(unsafe) private var firstRowPin: UInt32 = 0
nonisolated(unsafe) private var firstColumnPin: UInt32 = 0

/// COMPARE[1] darkens the row for the rest of its millisecond, COMPARE[0] goes on to the next.
@c(IRQ9_Handler)
public func timer1Interrupt() {
    if Timer1.dimmed.isSet {
        Timer1.dimmed.clear()
        GPIO.outClear.store(0x7 << firstRowPin)
    }
    guard Timer1.compared.isSet else { return }
    Timer1.compared.clear()
    showNextRow()
}

private func showNextRow() {
    let row = shownRow.load(ordering: .relaxed)
    let next = row == 2 ? 0 : row + 1
    shownRow.store(next, ordering: .relaxed)
    let lit = (image.load(ordering: .relaxed) >> (next &* 9)) & 0x1FF
    // Dark while the columns change, or the old row would show the new columns.
    GPIO.outClear.store(0x7 << firstRowPin)
    GPIO.outSet.store(0x1FF << firstColumnPin)
    if lit != 0 {
        GPIO.outClear.store(lit << firstColumnPin)
        GPIO.outSet.store(1 << (firstRowPin + next))
    }
}

/// A matrix of 3 rows of 9 LEDs.
public struct LEDMatrix {
    /// Holds nothing: the chip has one matrix, which `configure` sets up.
    @inline(__always) public init() {}

    /// `firstRow` and the two pins after it feed the rows, `firstColumn` and the eight after it sink the columns. All dark.
    @export(interface) public static func configure(firstRow: UInt32, firstColumn: UInt32) {
        firstRowPin = firstRow
        firstColumnPin = firstColumn
        for pin in 0..<UInt32(9) { Output(firstColumnPin + pin).configure(high: true) }
        for pin in 0..<UInt32(3) { Output(firstRowPin + pin).configure(high: false) }
        Timer1.bitMode.store(0)  // 16 bits
        Timer1.prescaler.store(4)  // 1 MHz
        Timer1.compare.store(1000)
        Timer1.shortcuts.store(1)
        Timer1.interruptEnableSet.store(3 << 16)
        NVIC.enable(Timer1.interrupt)
    }

    /// Lit LEDs: bit 9 × row + column; `duty` is the share of its time that a row is lit, 65535 all of it. What is lit shows at once; a
    /// dark matrix costs no interrupts.
    @export(interface) public static func show(_ bits: UInt32, duty: UInt16 = .max) {
        Timer1.stop.trigger()
        NVIC.disable(Timer1.interrupt)
        // Of 1000 µs; at full duty never, since COMPARE[0] clears the counter before.
        Timer1.darkness.store(duty == .max ? 0xFFFF : (UInt32(duty) &* 1000) >> 16)
        Timer1.dimmed.clear()
        image.store(bits, ordering: .relaxed)
        // Start with a row that has light in it.
        var row: UInt32 = 0
        while row < 2 && (bits >> (row &* 9)) & 0x1FF == 0 { row += 1 }
        shownRow.store(row == 0 ? 2 : row - 1, ordering: .relaxed)
        showNextRow()
        if bits != 0 {
            Timer1.clear.trigger()
            NVIC.enable(Timer1.interrupt)
            Timer1.start.trigger()
        }
    }

    /// What is shown.
    @export(interface) public static var shown: UInt32 { image.load(ordering: .relaxed) }
}
#endif
