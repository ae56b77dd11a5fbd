// The MPS2's synchronous serial ports against QEMU's own model of the PL022, in the port's loopback.
import FirmwareTesting
import HAL
import MCU

@main enum Buses: FirmwareSuite {
    @used static func `every synchronous serial port returns what it sends in loopback`() {
        for number in 0..<5 {
            var port = SPI(number)
            port.configure(hertz: 1_000_000, loopback: true)
            let bytes: InlineArray<4, UInt8> = [0x00, 0x9F, 0xA5, 0xFF]
            for index in bytes.indices { expect(port.exchange(bytes[index]) == bytes[index]) }
        }
    }

    @used static func `a port without a part reads what an idle line reads`() {
        var port = SPI(0)
        port.configure(hertz: 1_000_000)
        expect(port.exchange(0x9F) == port.exchange(0x60))
    }
}
