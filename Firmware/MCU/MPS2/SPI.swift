// PrimeCell synchronous serial ports (PL022, Arm DDI 0194; places and clock of AN386, 3.8), mode 0, eight bits, as the master.

import HAL

/// Registers of a port (Arm DDI 0194, 3).
private enum Offset {
    static var control0: UInt32 { 0x00 }  // SSPCR0: 3:0 DSS, 5:4 FRF, 6 SPO, 7 SPH, 15:8 SCR
    static var control1: UInt32 { 0x04 }  // SSPCR1: 0 LBM, 1 SSE, 2 MS
    static var data: UInt32 { 0x08 }  // SSPDR
    static var status: UInt32 { 0x0C }  // SSPSR: 1 TNF, 2 RNE, 4 BSY
    static var prescale: UInt32 { 0x10 }  // SSPCPSR: even, 2…254
}

/// SSP0 and SSP1 are on the board, SSP2 to SSP4 on the shield connectors.
public struct SPI: SPIBus, BitwiseCopyable, Sendable {
    private let port: Peripheral

    /// `number`: 0…4.
    @inline(__always) public init(_ number: Int) {
        let bases: InlineArray<5, UInt> = [0x4002_0000, 0x4002_1000, 0x4002_5000, 0x4002_6000, 0x4002_7000]
        port = Peripheral(bases[number])
    }

    /// At most `hertz` on the wire, 97 kHz or more. `loopback` joins output and input inside the port, for a self-test.
    public func configure(hertz: UInt32, loopback: Bool = false) {
        var divisor: UInt32 = 2
        while divisor < 254 && clockHertz / divisor > hertz { divisor += 2 }
        port.store(Offset.control1, 0)
        port.store(Offset.control0, 7)
        port.store(Offset.prescale, divisor)
        port.store(Offset.control1, (loopback ? 1 : 0) | 1 << 1)
    }

    public mutating func exchange(_ byte: UInt8) -> UInt8 {
        // What an earlier, abandoned exchange left in the FIFO belongs to nobody.
        while port.load(Offset.status) & (1 << 2) != 0 { _ = port.load(Offset.data) }
        port.store(Offset.data, UInt32(byte))
        _ = port.wait(Offset.status, 1 << 2, is: 1 << 2, patience: 100_000)
        return UInt8(truncatingIfNeeded: port.load(Offset.data))
    }
}
