// Into the ROM's bootloader (AN2606, "STM32 microcontroller system memory boot mode") without touching BOOT0: a word that outlives the
// reset asks for it, and the firmware that starts then jumps there before it has changed anything on the chip.

import HAL

/// The request, in a backup register (RM 17.6.20, RTC_BKP0R), which a reset leaves alone and a power cut clears.
public struct BootloaderRequest<RCC: SharedRegisterBlock, Power: SharedRegisterBlock, Clock: SharedRegisterBlock>: Sendable {
    let rcc: RCC
    let power: Power
    let clock: Clock

    private static var backup: UInt32 { 0x50 }  // RTC_BKP0R
    private static var word: UInt32 { 0x424F_4F54 }  // "BOOT"

    /// The registers of RCC, PWR and RTC. Touches nothing.
    @inline(__always) public init(rcc: RCC, power: Power, clock: Clock) {
        self.rcc = rcc
        self.power = power
        self.clock = clock
    }

    /// Backup registers are written only while PWR_CR's DBP allows it (RM 5.1.2).
    private func write(_ value: UInt32) {
        ClockGate.apb1(28, rcc: rcc)  // PWR
        power.modify(0x00, set: 1 << 8)  // DBP
        clock.store(Self.backup, value)
        power.modify(0x00, clear: 1 << 8)
    }

    /// Leaves the request for the firmware that starts after the next reset, which is the caller's to cause.
    public func make() { write(Self.word) }

    /// True once after `make`.
    public func take() -> Bool {
        guard clock.load(Self.backup) == Self.word else { return false }
        write(0)
        return clock.load(Self.backup) == 0
    }
}

#if hasFeature(Embedded)
import Startup

extension Base {
    /// RTC (RM 17), of which the backup registers are used.
    public static var realTimeClock: UInt { 0x4000_2800 }
    /// SYSCFG (RM 7); clock: APB2ENR bit 14.
    public static var syscfg: UInt { 0x4001_3800 }
}

/// The request in this chip's own backup register.
public var bootloaderRequest: BootloaderRequest<Peripheral, Peripheral, Peripheral> {
    @inline(__always) get {
        BootloaderRequest(rcc: Peripheral(Base.rcc), power: Peripheral(Base.power), clock: Peripheral(Base.realTimeClock))
    }
}

/// Call first of all. Returns when nobody has asked for the bootloader.
public func enterBootloaderIfAsked() {
    guard bootloaderRequest.take() else { return }
    // The bootloader expects its own vectors at address 0 (RM 7.2.1, SYSCFG_MEMRMP: system flash memory).
    ClockGate.apb2(14, rcc: Peripheral(Base.rcc))
    Peripheral(Base.syscfg).store(0x00, 1)
    SystemControl.useVectors(at: 0)
    startup_jump(0x1FFF_0000)
}
#endif
