// A multiplexed LED matrix, scanned by TIMER1 (RM 18): one row at a time, each for 1 ms or a share of it.

#if hasFeature(Embedded)
import HAL
import Synchronization

extension Base {
    /// TIMER1 (RM 18), which scans a display.
    public static var timer1: UInt { 0x4000_9000 }
}

private var timer: Peripheral { Peripheral(Base.timer1) }
private let interrupt: UInt32 = 9

/// Which compare register does what.
private enum Compare {
    static var nextRow: UInt32 { 0 }
    static var darkness: UInt32 { 1 }
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
    if timer.hasHappened(TimerRegister.compared(Compare.darkness)) {
        timer.forget(TimerRegister.compared(Compare.darkness))
        GPIO.port.store(GPIO.outClear, 0x7 << firstRowPin)
    }
    guard timer.hasHappened(TimerRegister.compared(Compare.nextRow)) else { return }
    timer.forget(TimerRegister.compared(Compare.nextRow))
    showNextRow()
}

private func showNextRow() {
    let row = shownRow.load(ordering: .relaxed)
    let next = row == 2 ? 0 : row + 1
    shownRow.store(next, ordering: .relaxed)
    let lit = (image.load(ordering: .relaxed) >> (next &* 9)) & 0x1FF
    // Dark while the columns change, or the old row would show the new columns.
    GPIO.port.store(GPIO.outClear, 0x7 << firstRowPin)
    GPIO.port.store(GPIO.outSet, 0x1FF << firstColumnPin)
    if lit != 0 {
        GPIO.port.store(GPIO.outClear, lit << firstColumnPin)
        GPIO.port.store(GPIO.outSet, 1 << (firstRowPin + next))
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
        timer.store(TimerRegister.bitMode, 0)  // 16 bits
        timer.store(TimerRegister.prescaler, 4)  // 1 MHz
        timer.store(TimerRegister.compare(Compare.nextRow), 1000)
        timer.store(TimerRegister.shortcuts, 1)
        timer.store(TimerRegister.interruptEnableSet, 3 << 16)
        NVIC.enable(interrupt)
    }

    /// Lit LEDs: bit 9 × row + column; `duty` is the share of its time that a row is lit, 65535 all of it. What is lit shows at once; a
    /// dark matrix costs no interrupts.
    @export(interface) public static func show(_ bits: UInt32, duty: UInt16 = .max) {
        timer.trigger(TimerRegister.stop)
        NVIC.disable(interrupt)
        // Of 1000 µs; at full duty never, since COMPARE[0] clears the counter before.
        timer.store(TimerRegister.compare(Compare.darkness), duty == .max ? 0xFFFF : (UInt32(duty) &* 1000) >> 16)
        timer.forget(TimerRegister.compared(Compare.darkness))
        image.store(bits, ordering: .relaxed)
        // Start with a row that has light in it.
        var row: UInt32 = 0
        while row < 2 && (bits >> (row &* 9)) & 0x1FF == 0 { row += 1 }
        shownRow.store(row == 0 ? 2 : row - 1, ordering: .relaxed)
        showNextRow()
        if bits != 0 {
            timer.trigger(TimerRegister.clear)
            NVIC.enable(interrupt)
            timer.trigger(TimerRegister.start)
        }
    }

    /// What is shown.
    @export(interface) public static var shown: UInt32 { image.load(ordering: .relaxed) }
}
#endif
