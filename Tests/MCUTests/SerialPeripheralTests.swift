// STM32F4: the serial peripheral interface, against a model written from RM0383, section 20.

import HAL
import RegisterModels
import STM32F4
import Testing

/// SPI1 with a part that answers each byte with its complement.
private final class SerialPeripheralModel: RegisterModel, @unchecked Sendable {
    /// The peripheral's clock is off: nothing ever moves.
    var hasClock = true
    private(set) var sent: [UInt8] = []
    private var busy = 0
    private var answer: UInt32 = 0

    override func store(_ offset: UInt32, _ value: UInt32) {
        switch offset {
        case 0x00:
            if self[0].bit(6), (value ^ self[0]) & ~(1 << 6) != 0 { violations.append("configured while enabled") }
            if value.bit(6), value.bit(2), value.bit(9), !value.bit(8) { violations.append("mode fault: SSI is low") }
        case 0x0C:
            if !self[0].bit(6) || !self[0].bit(2) { violations.append("data while no enabled master") }
            if busy > 0 { violations.append("data while busy") }
            sent.append(UInt8(truncatingIfNeeded: value))
            answer = ~value & 0xFF
            busy = 3
        default: break
        }
        super.store(offset, value)
    }

    override func load(_ offset: UInt32) -> UInt32 {
        switch offset {
        case 0x08:
            guard hasClock else { return 0 }
            if busy > 1 { busy -= 1 }
            return (busy == 0 ? 1 << 1 : 0) | (busy == 1 ? 1 | 1 << 1 : 0)
        case 0x0C:
            if busy != 1 { violations.append("read before a byte had come in") }
            busy = 0
            return answer
        default: return super.load(offset)
        }
    }
}

@Suite("STM32F4 SPI")
struct SerialPeripheralTests {
    @Test("Bytes go out and come in, in order and without breaking a rule of the manual")
    func exchanges() {
        let model = SerialPeripheralModel()
        var bus = SPI(model.block)
        bus.configure(clock: 96_000_000, hertz: 1_000_000)
        let received = [0x9F, 0x00, 0xA5].map { bus.exchange($0) }
        #expect(received == [0x60, 0xFF, 0x5A] && model.sent == [0x9F, 0x00, 0xA5])
        #expect(model.violations.isEmpty, "\(model.violations)")
    }

    @Test("The wire is never faster than asked", arguments: [(50_000_000, 0), (24_000_000, 1), (1_000_000, 6), (100_000, 7)])
    func speed(hertz: UInt32, divisor: UInt32) {
        let model = SerialPeripheralModel()
        SPI(model.block).configure(clock: 96_000_000, hertz: hertz)
        #expect(model[0].bits(5, 3) == divisor)
        #expect(model[0].bit(2) && model[0].bit(6) && !model[0].bit(0) && !model[0].bit(1))
    }

    @Test("Without a clock an exchange ends all the same")
    func noClock() {
        let model = SerialPeripheralModel()
        var bus = SPI(model.block)
        bus.configure(clock: 96_000_000, hertz: 1_000_000)
        model.hasClock = false
        #expect(bus.exchange(0x9F) == 0xFF)
    }
}
