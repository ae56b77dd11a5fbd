// What every chip here has because its core is a Cortex-M: peripherals in memory, and the interrupt enables.

import HAL
import _Volatile

/// A peripheral of the chip: its registers, by the offsets of the chip's reference manual.
public struct Peripheral: SharedRegisterBlock {
    /// Address of the register at offset 0.
    public let base: UInt
    /// Touches nothing. A wrong address makes the first access a fault.
    @inline(__always) public init(_ base: UInt) { self.base = base }
    @inline(__always) public func load(_ offset: UInt32) -> UInt32 {
        VolatileMappedRegister<UInt32>(unsafeBitPattern: base + UInt(offset)).load()
    }
    @inline(__always) public func store(_ offset: UInt32, _ value: UInt32) {
        VolatileMappedRegister<UInt32>(unsafeBitPattern: base + UInt(offset)).store(value)
    }
}

/// Nested vectored interrupt controller (ARMv6-M and ARMv7-M Architecture Reference Manuals, B3.4).
public enum NVIC {
    private static var enabled: Peripheral { Peripheral(0xE000_E100) }  // ISER
    private static var disabled: Peripheral { Peripheral(0xE000_E180) }  // ICER
    private static var requested: Peripheral { Peripheral(0xE000_E200) }  // ISPR
    private static var forgotten: Peripheral { Peripheral(0xE000_E280) }  // ICPR
    private static var priorities: Peripheral { Peripheral(0xE000_E400) }  // IPR

    @inline(__always) private static func word(_ number: UInt32) -> UInt32 { number / 32 * 4 }
    @inline(__always) private static func bit(_ number: UInt32) -> UInt32 { 1 << (number & 31) }

    /// Enables interrupt `number`, after forgetting an older request.
    @inline(__always) public static func enable(_ number: UInt32) {
        forgotten.store(word(number), bit(number))
        enabled.store(word(number), bit(number))
    }

    /// Disables interrupt `number`; a request waits.
    @inline(__always) public static func disable(_ number: UInt32) { disabled.store(word(number), bit(number)) }

    /// Makes interrupt `number` happen, as its peripheral would.
    @inline(__always) public static func request(_ number: UInt32) { requested.store(word(number), bit(number)) }

    /// 0, the reset value, goes before all others; a chip has the upper bits of the eight of `priority`.
    @inline(__always) public static func setPriority(_ number: UInt32, _ priority: UInt32) {
        let shift = (number & 3) * 8
        priorities.modify(number & ~3, clear: 0xFF << shift, set: priority << shift)
    }
}

/// System control block of a core that has VTOR (ARMv7-M Architecture Reference Manual, B3.2).
public enum SystemControl {
    private static var block: Peripheral { Peripheral(0xE000_ED00) }

    /// Takes the vector table at `address`, a multiple of 512, from now on (B3.2.5).
    @inline(__always) public static func useVectors(at address: UInt32) { block.store(0x08, address) }

    /// SysTick's interrupt has been requested and not been taken yet (B3.2.4, ICSR.PENDSTSET).
    @inline(__always) public static var isSysTickPending: Bool { block.load(0x04) & 1 << 26 != 0 }
}
