// I2C EEPROMs of the 24Cxx family with two address bytes: 24C32…24C512.

import DeviceModel
import HAL

/// Microchip AT24C32D data sheet: a write stays within a page of 32 bytes, then the part is deaf for up to 10 ms. State: none.
public struct EEPROM<Bus: I2CBus & BitwiseCopyable>: Device {
    @inline(__always) public static var interface: StaticString {
        "read(at:1 0..65535):1;write(at:1 0..65535,value:1 0..255)|eeprom|"
    }
    private var bus: Bus
    private let address: UInt8
    /// Bytes in the part.
    private let size: Int32
    static var pageSize: Int { 32 }

    /// `address`: 0x50…0x57 by pins A0…A2; `size` in bytes.
    @inline(__always) public init(_ bus: Bus, address: UInt8 = 0x50, size: Int32 = 4096) {
        self.bus = bus
        self.address = address
        self.size = size
    }

    public var state: Value { .none }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        if arguments[0] >= size { throw .implausible }
        let at = UInt16(truncatingIfNeeded: arguments[0])
        let wanted = UInt8(truncatingIfNeeded: arguments[1])
        guard let found = access(at, write: method == 1 ? wanted : nil) else { throw .notResponding }
        if method == 0 { return .integer(Int32(found)) }
        if found != wanted { throw .notStored }
        return .none
    }

    /// Writes a byte if there is one, and reads it back; nil when the part does not answer.
    private mutating func access(_ at: UInt16, write value: UInt8?) -> UInt8? {
        var byte: InlineArray<1, UInt8> = [value ?? 0]
        do throws(I2CError) {
            if value != nil { try write(byte.span.bytes, at: at) }
            var span = byte.mutableSpan
            var bytes = span.mutableBytes
            try read(into: &bytes, at: at)
            return byte[0]
        } catch {
            return nil
        }
    }

    /// Fills `bytes` from `offset`; the part wraps at its end.
    public mutating func read(into bytes: inout MutableRawSpan, at offset: UInt16) throws(I2CError) {
        let pointer: InlineArray<2, UInt8> = [UInt8(offset >> 8), UInt8(offset & 0xFF)]
        try bus.transfer(address, write: pointer.span.bytes, read: &bytes)
    }

    /// Writes any number of bytes, page by page, and waits until the part has stored each page.
    public mutating func write(_ bytes: RawSpan, at offset: UInt16) throws(I2CError) {
        var done = 0
        while done < bytes.byteCount {
            let at = Int(offset) + done
            let room = EEPROM.pageSize - at % EEPROM.pageSize
            let count = min(room, bytes.byteCount - done)
            var page = InlineArray<34, UInt8>(repeating: 0)
            page[0] = UInt8(truncatingIfNeeded: at >> 8)
            page[1] = UInt8(truncatingIfNeeded: at)
            for index in 0..<count { page[2 + index] = bytes.unsafeLoad(fromByteOffset: done + index, as: UInt8.self) }
            try bus.write(address, page.span.bytes.extracting(0..<2 + count))
            try waitUntilStored()
            done += count
        }
    }

    /// Acknowledge polling (AT24C32D, 7.3): the part does not answer while it stores. At 100 kHz a try takes 0.1 ms.
    private mutating func waitUntilStored() throws(I2CError) {
        for _ in 0..<200 {
            do throws(I2CError) {
                try bus.write(address, RawSpan())
                return
            } catch  where error == .noAddressAcknowledge {}
        }
        throw .timeout
    }
}
