// How long an STM32F411 and its bus take, in microseconds. The model counts time; it does not let it pass.

/// Times of the flash: STM32F411xC/xE data sheet (DS10314 Rev 8, section 6.3.12, table 45 "Flash memory programming"), typical values with
/// a parallelism of 8 bits, because the bootloader writes in byte format only (AN2606, table 83: voltage range 1.62 to 2.1 V). The most
/// that the same table allows is 100 µs a byte, and twice the typical time for an erase.
public struct FlashTiming: Sendable {
    /// One byte (tprog).
    public var program: UInt64 = 16
    public var erase16K: UInt64 = 400_000
    public var erase64K: UInt64 = 1_200_000
    public var erase128K: UInt64 = 2_000_000
    /// All sectors at once (tME); less than their sum.
    public var eraseAll: UInt64 = 8_000_000
    /// What bwPollTimeout says, in milliseconds. The bootloader of an STM32 says 100 for an erase whatever it takes (dfu-util's
    /// sources know it as a lie); 5 for the rest, as a log of an STM32F745 shows (fwupd, pull request 1944).
    public var pollErase = 100
    public var pollSetAddress = 5
    public var pollProgram = 5

    public init() {}

    public func erase(_ size: Int) -> UInt64 {
        switch size {
        case 16 << 10: erase16K
        case 64 << 10: erase64K
        default: erase128K
        }
    }

    /// All times `factor` times as long; what bwPollTimeout says stays.
    public func slower(_ factor: UInt64) -> FlashTiming {
        var slow = self
        slow.program *= factor
        slow.erase16K *= factor
        slow.erase64K *= factor
        slow.erase128K *= factor
        slow.eraseAll *= factor
        return slow
    }
}

/// A full-speed bus that does nothing else: 64-byte packets with 13 bytes of overhead, and 45 bytes for set-up and status, 8 bits each
/// at 12 Mbit/s (USB 2.0, table 5-1 and 5.5.3). The least that a control transfer can take, so that requests saved count for little.
func busTime(_ bytes: Int) -> UInt64 {
    let packets = (bytes + 63) / 64
    return UInt64((45 + bytes + 13 * packets) * 8) / 12
}
