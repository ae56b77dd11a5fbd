// Time since reset from the CPU's SysTick (ARMv7-M Architecture Reference Manual, B3.3), with an interrupt every millisecond. The
// chip's own timers would do as well; this one is also there in QEMU, which models none of them.

import HAL

/// Register offsets from 0xE000_E010.
enum SysTickRegister {
    static var control: UInt32 { 0x0 }  // CSR: 0 ENABLE, 1 TICKINT, 2 CLKSOURCE
    static var reload: UInt32 { 0x4 }  // RVR
    static var count: UInt32 { 0x8 }  // CVR
}

/// Joins the milliseconds that an interrupt has counted and the count-down of the running one.
/// - Parameters:
///   - isPending: the running millisecond's interrupt waits, because interrupts are masked: `count` is one of the next already.
///   - reload: ticks of a millisecond, less one.
public func systemTime(milliseconds: UInt64, isPending: Bool, count: UInt32, reload: UInt32) -> (
    ticks: UInt64, microseconds: UInt64
) {
    let whole = isPending ? milliseconds &+ 1 : milliseconds
    let part = UInt64(reload &- min(count, reload)), perMillisecond = UInt64(reload) + 1
    return (whole &* perMillisecond &+ part, whole &* 1000 &+ part &* 1000 / perMillisecond)
}

#if hasFeature(Embedded)
import Synchronization

extension Base {
    /// SysTick of the CPU (ARMv7-M Architecture Reference Manual, B3.3).
    public static var sysTick: UInt { 0xE000_E010 }
}

private let low = Atomic<UInt32>(0), high = Atomic<UInt32>(0)
/// The millisecond, in the low word's terms, at which `alarmInterrupt` is requested.
private let alarm = Atomic<UInt32>(0), alarmInterrupt = Atomic<UInt32>(0)

/// A millisecond has passed: counts it, and requests the alarm's interrupt when it is due.
@c(SysTick_Handler)
public func sysTickInterrupt() {
    let now = low.load(ordering: .relaxed) &+ 1
    low.store(now, ordering: .releasing)
    if now == 0 { high.store(high.load(ordering: .relaxed) &+ 1, ordering: .releasing) }
    let interrupt = alarmInterrupt.load(ordering: .relaxed)
    if interrupt != 0, alarm.load(ordering: .relaxed) == now { NVIC.request(interrupt) }
}

/// The one timer of the system. It runs from the first `init`, and a later one does not disturb it.
public struct SystemTimer: MonotonicClock {
    /// `clock`: the CPU's in hertz, a multiple of 1000, at most 16 GHz (24 bits).
    public init(clock: UInt32) {
        let timer = Peripheral(Base.sysTick)
        guard timer.load(SysTickRegister.control) & 1 == 0 else { return }
        timer.store(SysTickRegister.reload, clock / 1000 - 1)
        timer.store(SysTickRegister.count, 0)
        timer.store(SysTickRegister.control, 7)
    }

    @export(interface) public mutating func microseconds() -> UInt64 { Self.now().microseconds }

    /// CPU cycles since it was started.
    @export(interface) public static var ticks: UInt64 { now().ticks }

    private static func now() -> (ticks: UInt64, microseconds: UInt64) {
        let timer = Peripheral(Base.sysTick)
        while true {
            let top = high.load(ordering: .acquiring), before = low.load(ordering: .acquiring)
            var count = timer.load(SysTickRegister.count)
            let isPending = SystemControl.isSysTickPending
            if isPending { count = timer.load(SysTickRegister.count) }
            guard low.load(ordering: .acquiring) == before, high.load(ordering: .acquiring) == top else { continue }
            return systemTime(
                milliseconds: UInt64(top) << 32 | UInt64(before), isPending: isPending, count: count,
                reload: timer.load(SysTickRegister.reload))
        }
    }

    /// The CPU wakes from `wfi` every millisecond anyway.
    public mutating func wake(inMicroseconds microseconds: UInt32) {}

    /// Requests `interrupt` in so many milliseconds. Interrupt 0 cannot be had.
    public static func setAlarm(milliseconds: UInt32, interrupt: UInt32) {
        alarmInterrupt.store(0, ordering: .relaxed)
        alarm.store(low.load(ordering: .relaxed) &+ max(milliseconds, 1), ordering: .relaxed)
        NVIC.enable(interrupt)
        alarmInterrupt.store(interrupt, ordering: .relaxed)
    }
}
#endif
