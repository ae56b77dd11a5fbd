// How much a test wrote to flash, counted by the plugin QEMUProbe.
import BoardFacts
import Emulation
import Foundation

/// Stores that reached the board's store.
public struct FlashWrites: Sendable, Codable, Equatable {
    /// Words programmed; a word is 4 bytes.
    public var words = 0
    /// Pages erased.
    public var pages = 0

    init() {}

    /// What the plugin left; nil when it did not come to that.
    init?(contentsOf file: URL) {
        defer { try? FileManager.default.removeItem(at: file) }
        let numbers = ((try? String(contentsOf: file, encoding: .utf8)) ?? "").split { !$0.isNumber }.compactMap { Int($0) }
        guard numbers.count == 2 else { return nil }
        (words, pages) = (numbers[0], numbers[1])
    }

    /// QEMU's arguments that count them.
    static func arguments(_ board: Board, file: URL) throws -> [String] {
        guard let store = board.store else { return [] }
        return try StoreProbe.arguments(
            counts: file.path, store: store.range, page: store.page.value, eraseRegister: board.emulator?.flash == .nrf51)
    }
}
