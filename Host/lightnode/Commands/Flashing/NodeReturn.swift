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

    /// Where the node of a node that was flashed is reached: by its serial number, else the only one there is.
    private static func locator(of candidate: FlashCandidate) -> NodeLocator? {
        if candidate.via == .emulated { return .emulated(name: candidate.port) }
        if candidate.via == .dfu, let nodes = try? USBSource().nodes(), nodes.contains(where: { $0.port == candidate.port }) {
            return .usb(serialNumber: candidate.port)
        }
        let found = ((try? NodeOptions.finder.candidates()) ?? []).filter {
            if case .emulated = $0.locator { false } else { true }
        }
        let same = found.filter { $0.note.contains(candidate.serial) || $0.locator.description.contains(candidate.serial) }
        return same.count == 1 ? same[0].locator : found.count == 1 ? found[0].locator : nil
    }
}
