// The bus side of the OTG model: what the core does with tokens (RM0383, 22.17.5 and 22.17.6).

import RegisterModels

extension OTGModel {
    private func hears(_ endpoint: UInt8, isIn: Bool) -> UInt32? {
        let number = UInt32(endpoint & 0xF)
        guard isConnected, isEnumerated, !isSuspended, number < 4, (endpoint & 0x80 != 0) == isIn else { return nil }
        return self[(isIn ? 0x900 : 0xB00) + 0x20 * number].bit(15) ? number : nil
    }

    /// SE0 for a while: everything but endpoint 0 becomes inactive.
    public func beginReset() {
        guard isConnected else { return }
        self[0x014] |= 1 << 12
        isEnumerated = false
        isSuspended = false
        isSetupStage = false
        isAwaitingSetup = true
        for number in UInt32(1)..<4 {
            self[0x900 + 0x20 * number] &= ~(1 << 15)
            self[0xB00 + 0x20 * number] &= ~(1 << 15)
        }
    }

    public func endReset() {
        guard isConnected else { return }
        isEnumerated = true
        self[0x014] |= 1 << 13
        inToggle = [0, 0, 0, 0]
        outToggle = [0, 0, 0, 0]
        if self[0x800].bits(10, 4) != 0 { violate("the address outlives a reset") }
    }

    public func suspend() {
        guard isConnected else { return }
        isSuspended = true
        idleBegan = loads
        self[0x014] |= 1 << 11
    }

    public func resume() {
        guard isConnected, isSuspended else { return }
        isSuspended = false
        self[0x014] |= 1 << 31
    }

    private func receive(_ number: UInt32, packetStatus: UInt32, _ bytes: [UInt8], toggle: UInt8 = 0) {
        var words: [UInt32] = []
        for at in stride(from: 0, to: bytes.count, by: 4) {
            words.append(bytes[at..<min(at + 4, bytes.count)].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        }
        received.append(
            Received(status: packetStatus << 17 | UInt32(toggle) << 16 | UInt32(bytes.count) << 4 | number, words: words))
        if received.reduce(0, { $0 + 1 + $1.words.count }) > Int(self[0x024]) { violate("receive FIFO overflows") }
    }

    /// The first token of the next stage tells the core, and it the driver, that no other SETUP packet replaces the last.
    private func endSetupStage(_ number: UInt32) {
        guard number == 0, isSetupStage else { return }
        isSetupStage = false
        receive(0, packetStatus: 4, [])
    }

    /// STUPCNT allows another one.
    public var expectsSetup: Bool { self[0xB10].bits(30, 29) > 0 }

    /// Accepted whatever the endpoint's NAK says, as long as STUPCNT lets it.
    public func hostSetup(_ bytes: [UInt8]) -> Handshake {
        guard hears(0, isIn: false) != nil else { return .none }
        let count = self[0xB10].bits(30, 29)
        if count == 0 {
            violate("a SETUP packet that STUPCNT does not expect")
            return .none
        }
        self[0xB10] = self[0xB10] & ~(3 << 29) | (count - 1) << 29
        isAwaitingSetup = false
        receive(0, packetStatus: 6, bytes)
        isSetupStage = true
        for base in [0x900, 0xB00] as [UInt32] { self[base] = self[base] & ~(1 << 21) | 1 << 17 }
        inToggle[0] = 1
        outToggle[0] = 1
        return .ack
    }

    public func hostOut(_ endpoint: UInt8, toggle: UInt8, _ bytes: [UInt8]) -> Handshake {
        guard let number = hears(endpoint, isIn: false) else { return .none }
        endSetupStage(number)
        let base = 0xB00 + 0x20 * number
        if self[base].bit(21) { return .stall }
        if toggle != outToggle[Int(number)] { return .ack }
        if self[base].bit(17) || !self[base].bit(31) { return .nak }
        let size = number == 0 ? 64 : Int(self[base].bits(10, 0))
        if bytes.count > size || bytes.count > Int(self[base + 0x10].bits(18, 0)) { return .none }
        receive(number, packetStatus: 2, bytes, toggle: toggle)
        receive(number, packetStatus: 3, [])
        self[base] = self[base] & ~(1 << 31) | 1 << 17
        outToggle[Int(number)] ^= 1
        return .ack
    }

    public func hostIn(_ endpoint: UInt8, acknowledges: Bool) -> InAnswer {
        guard let number = hears(endpoint, isIn: true) else { return .handshake(.none) }
        endSetupStage(number)
        let base = 0x900 + 0x20 * number
        if self[base].bit(21) { return .handshake(.stall) }
        let count = Int(self[base + 0x10].bits(18, 0))
        let words = transmitted[number, default: []]
        if self[base].bit(17) || !self[base].bit(31) || words.count < (count + 3) / 4 { return .handshake(.nak) }
        if count > (number == 0 ? 64 : Int(self[base].bits(10, 0))) { violate("a packet longer than its endpoint's") }
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: words[$0 / 4] >> UInt32($0 % 4 * 8)) }
        let toggle = inToggle[Int(number)]
        if acknowledges {
            inToggle[Int(number)] ^= 1
            transmitted[number] = []
            self[base] &= ~(1 << 31)
            self[base + 8] |= 1
        }
        return .data(toggle: toggle, bytes)
    }

    public var address: UInt8 { UInt8(self[0x800].bits(10, 4)) }
}
