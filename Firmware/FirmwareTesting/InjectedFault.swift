// Faults that a test asks for: the host starts the test again and injects them.
import Startup

/// A fault for `injectFaults`. Instructions are counted from the test's first.
public enum InjectedFault: Sendable {
    /// Cut the power after N instructions of the first start, 2N of the next, 3N… until the test ends before its cut.
    case cutPower(every: UInt32)
    /// Cut the power once.
    case cutPowerOnce(at: UInt32)
    /// Cut the power ten times, at random instructions.
    case cutPowerRandomly(seed: UInt32)
    /// Turn a random bit of the store over.
    case flipBit(at: UInt32)
    /// Turn ten random bits of the store over, at random instructions.
    case flipBitsRandomly(seed: UInt32)
    /// Join the UART's transmitter to its receiver; of a thousand bytes so many change, get lost, or bring another.
    case uartNoise(perMille: UInt32)
    /// Plug a USB cable in at the start, and pull it.
    case unplugUSB(at: UInt32)
}

/// Makes the test run with these faults: call it first of all. When power is cut the flash is kept, the test starts again from its
/// beginning, and the start that nothing cuts decides. Faults that the command line names take the place of these.
public func injectFaults(_ first: InjectedFault, _ second: InjectedFault? = nil, _ third: InjectedFault? = nil) {
    guard !TestRun.hasFaults else { return }
    ask(for: first)
    if let second { ask(for: second) }
    if let third { ask(for: third) }
    TestRun.end(.asksForFaults)
}

private func ask(for fault: InjectedFault) {
    switch fault {
    case .cutPower(let count): ask("cut-power", "every:", count)
    case .cutPowerOnce(let instruction): ask("cut-power", "at:", instruction)
    case .cutPowerRandomly(let seed): ask("cut-power", "random:", seed)
    case .flipBit(let instruction): ask("flip-bit", "at:", instruction)
    case .flipBitsRandomly(let seed): ask("flip-bit", "random:", seed)
    case .unplugUSB(let instruction): ask("usb-unplug", "at:", instruction)
    case .uartNoise(let perMille):
        var line = ReportLine("ask")
        line.text("uart-noise")
        line.separator()
        let share = min(perMille, 1000)
        line.decimal(UInt64(share / 1000))
        line.byte(0x2E)
        line.decimal(UInt64(share / 100 % 10))
        line.decimal(UInt64(share / 10 % 10))
        line.decimal(UInt64(share % 10))
        line.send()
    }
}

private func ask(_ kind: StaticString, _ plan: StaticString, _ number: UInt32) {
    var line = ReportLine("ask")
    line.text(kind)
    line.text(plan)
    line.decimal(UInt64(number))
    line.send()
}
