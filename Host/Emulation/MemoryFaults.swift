// Single bits that change by themselves: what radiation, a weak cell or a failing supply does to a memory.
import Foundation
import Reporting

/// One bit of a board's memory.
public struct MemoryBit: Equatable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The address of its byte.
    public var address: UInt64
    /// 0…7.
    public var bit: Int

    /// - Parameter bit: 0…7; not checked.
    public init(address: UInt64, bit: Int) {
        self.address = address
        self.bit = bit
    }

    /// "0x3c012.5"; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".")
        guard parts.count == 2, parts[0].hasPrefix("0x"), let address = UInt64(parts[0].dropFirst(2), radix: 16),
            let bit = Int(parts[1]), 0..<8 ~= bit
        else { return nil }
        self.init(address: address, bit: bit)
    }

    public var description: String { "0x\(String(address, radix: 16)).\(bit)" }
}

extension EmulatedBoard {
    /// Turns one bit of RAM or flash over, without the firmware's doing. In a flash whose controller is modelled this goes through the
    /// controller, as nothing else reaches it: the page is erased and programmed with the new contents, and the controller left as it was.
    /// - Throws: `Failure` when that memory cannot be changed.
    public func flip(_ bit: MemoryBit) throws {
        let old = try readMemory(bit.address, count: 1)[0]
        let new = old ^ 1 << UInt8(bit.bit)
        if board.emulator?.flash == .nrf51, board.flash.range.contains(bit.address) {
            try rewrite(bit.address, new)
        } else {
            try writeMemory(bit.address, Data([new]))
        }
        guard try readMemory(bit.address, count: 1)[0] == new else {
            throw Failure(
                .environment, "bit \(bit) of \(board.name) is in a memory that the emulator does not let anyone change",
                advice: "Name a bit of its RAM")
        }
    }

    private func rewrite(_ address: UInt64, _ byte: UInt8) throws {
        let size = board.store?.page.value ?? 1024
        let page = address / size * size
        var contents = try readMemory(page, count: Int(size))
        contents[contents.startIndex + Int(address - page)] = byte
        let config = try readRegister(NRF51Flash.config)
        try writeRegister(NRF51Flash.config, NRF51Flash.eraseEnable)
        try writeRegister(NRF51Flash.erasePage, UInt32(page))
        try writeRegister(NRF51Flash.config, NRF51Flash.writeEnable)
        try writeMemory(page, contents)
        try writeRegister(NRF51Flash.config, config)
    }
}
