// I2C temperature sensors with the LM75's registers: LM75, TMP105, TMP75, DS1775.

import HAL

/// TMP105 data sheet (TI SBOS256): pointer 0 is the temperature, two's complement in 256ths of a degree, high byte first; pointer 1
/// the configuration, whose bits 6:5 choose 9…12 bits.
public struct TMP105<Bus: I2CBus & BitwiseCopyable>: TemperatureSensor {
    private var bus: Bus
    private let address: UInt8
    private var isConfigured = false

    /// `address`: 0x48…0x4F by pins A0…A2.
    @inline(__always) public init(_ bus: Bus, address: UInt8 = 0x48) {
        self.bus = bus
        self.address = address
    }

    public mutating func readMillidegrees() -> Int32? {
        var raw = InlineArray<2, UInt8>(repeating: 0)
        do throws(I2CError) {
            if !isConfigured {
                let configuration: InlineArray<2, UInt8> = [0x01, 0x60]
                try bus.write(address, configuration.span.bytes)
                isConfigured = true
            }
            let pointer: InlineArray<1, UInt8> = [0x00]
            var span = raw.mutableSpan
            var bytes = span.mutableBytes
            try bus.transfer(address, write: pointer.span.bytes, read: &bytes)
        } catch {
            isConfigured = false
            return nil
        }
        let steps = Int16(bitPattern: UInt16(raw[0]) << 8 | UInt16(raw[1]))
        return Int32(steps) * 125 / 32
    }
}
