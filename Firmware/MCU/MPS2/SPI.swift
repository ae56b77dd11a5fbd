// PrimeCell synchronous serial ports (PL022, Arm DDI 0194; places and clock of AN386, 3.8), mode 0, eight bits, as the master.

import HAL

/// SSP0 and SSP1 are on the board, SSP2 to SSP4 on the shield connectors.
public struct SPI: SPIBus, BitwiseCopyable, Sendable {
    private let base: UInt

    /// `number`: 0…4.
    @inline(__always) public init(_ number: Int) {
        let bases: InlineArray<5, UInt> = [0x4002_0000, 0x4002_1000, 0x4002_5000, 0x4002_6000, 0x4002_7000]
        base = bases[number]
    }

    private var control0: Register { Register(base + 0x00) }  // SSPCR0: 3:0 DSS, 5:4 FRF, 6 SPO, 7 SPH, 15:8 SCR
    private var control1: Register { Register(base + 0x04) }  // SSPCR1: 0 LBM, 1 SSE, 2 MS
    private var data: Register { Register(base + 0x08) }  // SSPDR
    private var status: Register { Register(base + 0x0C) }  // SSPSR: 1 TNF, 2 RNE, 4 BSY
    private var prescale: Register { Register(base + 0x10) }  // SSPCPSR: even, 2…254

    /// At most `hertz` on the wire, 97 kHz or more. `loopback` joins output and input inside the port, for a self-test.
    public func configure(hertz: UInt32, loopback: Bool = false) {
        var divisor: UInt32 = 2
        while divisor < 254 && clockHertz / divisor > hertz { divisor += 2 }
        control1.store(0)
        control0.store(7)
        prescale.store(divisor)
        control1.store((loopback ? 1 : 0) | 1 << 1)
    }

    public mutating func exchange(_ byte: UInt8) -> UInt8 {
        // What an earlier, abandoned exchange left in the FIFO belongs to nobody.
        while status.load() & (1 << 2) != 0 { _ = data.load() }
        data.store(UInt32(byte))
        var patience = 100_000
        while status.load() & (1 << 2) == 0 && patience > 0 { patience -= 1 }
        return UInt8(truncatingIfNeeded: data.load())
    }
}
