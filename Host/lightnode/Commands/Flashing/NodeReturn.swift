// After a flash: the node that comes back, and what it says of itself.
import ControlNode
import Emulation
import Flashing
import Foundation
import NodeProtocol
import Reporting
import Transport

enum NodeReturn {
    struct Node: Encodable, CustomStringConvertible {
        let connection: String
        let version: String
        let state: NodeState
        let address: NodeAddress?

        var description: String {
            "node      \(connection): version \(version), \(state)" + (address.map { ", \($0)" } ?? "")
        }
    }

    /// An emulated board that is off stays off; everything else starts by itself.
    static func isExpected(_ candidate: FlashCandidate) -> Bool {
        candidate.via != .emulated || EmulatedBoards().isRunning(candidate.port)
    }

    /// Waits until the node answers.
    /// - Throws: `Failure` when it does not within `timeout` seconds.
    static func node(_ candidate: FlashCandidate, timeout: Double) async throws -> Node {
        let limit = Date().addingTimeInterval(timeout)
        var reason = "it is not there"
        repeat {
            if let locator = locator(of: candidate) {
                do { return try await ask(locator, timeout: 3) } catch {
                    reason = ErrorReport(error).error
                }
            }
            try await Task.sleep(for: .milliseconds(100))
        } while Date() < limit
        throw Failure(
            .unreachable, "the image is in the flash, but no node came back within \(Int(timeout)) s: \(reason)",
            remedy: .inOrder([.advice("Press RESET and ask it; an image that is no node need not be waited for"), .showStatus]))
    }

    /// Its address, when it answers and has one.
    static func address(of candidate: FlashCandidate) async -> String? {
        guard isExpected(candidate), let locator = locator(of: candidate) else { return nil }
        return try? await ask(locator, timeout: 3).address?.description
    }

    private static func ask(_ locator: NodeLocator, timeout: Double) async throws -> Node {
        let link = try await NodeOptions.finder.connect(locator)
        let client = CoAPClient(link, name: locator.description, timing: .init(total: .seconds(timeout)))
        do {
            let status = try await NodeProbe(client).status()
            await client.close()
            return Node(connection: locator.description, version: status.version, state: status.state, address: status.address)
        } catch {
            await client.close()
            throw error
        }
    }

    private static func locator(of candidate: FlashCandidate) -> NodeLocator? {
        let ports = candidate.via == .dfu ? ((try? USBSource().nodes()) ?? []).map(\.port) : []
        let found = candidate.via == .emulated ? [] : (try? NodeOptions.finder.candidates()) ?? []
        return locator(of: candidate, ports: ports, found: found)
    }

    /// Where the node in a device that was flashed is reached: at its port, by its name if one alone is called so, else the only one there is.
    /// - Parameters:
    ///   - ports: those of the nodes on USB.
    ///   - found: all nodes that are there.
    static func locator(of candidate: FlashCandidate, ports: [String], found: [NodeCandidate]) -> NodeLocator? {
        if candidate.via == .emulated { return .emulated(name: candidate.port) }
        if ports.contains(candidate.port) { return .usb(serialNumber: candidate.port) }
        let others = found.filter { if case .emulated = $0.locator { false } else { true } }
        let same = others.filter {
            $0.note.hasWord(candidate.serial) || $0.locator.description.hasWord(candidate.serial)
        }
        return same.count == 1 ? same[0].locator : others.count == 1 ? others[0].locator : nil
    }
}

extension String {
    /// True if `word` stands in it with no letter or digit on either side: “1” is no name of “node10”.
    fileprivate func hasWord(_ word: String) -> Bool {
        var rest = startIndex..<endIndex
        while !word.isEmpty, let found = range(of: word, range: rest) {
            let before = found.lowerBound == startIndex ? nil : self[index(before: found.lowerBound)]
            let after = found.upperBound == endIndex ? nil : self[found.upperBound]
            if ![before, after].contains(where: { $0.map { $0.isLetter || $0.isNumber } ?? false }) { return true }
            rest = index(after: found.lowerBound)..<endIndex
        }
        return false
    }
}
