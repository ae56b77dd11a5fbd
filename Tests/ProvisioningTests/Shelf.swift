// Nodes to be provisioned: executors in this process, found and opened as the line finds and opens any. Their faults are options.
import Foundation
import HostCrypto
import HostedNode
import Keystore
import Labels
import Provisioning
import Reporting
import SimulatedNOR
import Transport

/// Nodes on a bench, by name: `emulated:NAME`. Opening one powers it on over its own flash.
final class Shelf: NodeSource, @unchecked Sendable {
    private let lock = NSLock()
    private var flashes: [String: SimulatedNOR<4>] = [:]
    private var serials: [String: UInt64] = [:]
    private var hidden: Set<String> = []
    private var unplugAfter: [String: Int] = [:]
    private var opened: [String: Int] = [:]
    private let isTrueRandom: Bool
    /// True if chips have a number of their own.
    private let isNumbered: Bool

    init(_ names: [String], isTrueRandom: Bool = true, isNumbered: Bool = true) {
        self.isTrueRandom = isTrueRandom
        self.isNumbered = isNumbered
        for name in names { add(name) }
    }

    func add(_ name: String) {
        lock.withLock {
            flashes[name] = HostedNode.blankFlash()
            serials[name] = UInt64(flashes.count)
        }
    }

    func unplug(_ name: String) { lock.withLock { _ = hidden.insert(name) } }
    func plug(_ name: String) { lock.withLock { _ = hidden.remove(name) } }
    /// A full erase of the chip.
    func erase(_ name: String) { lock.withLock { flashes[name] = HostedNode.blankFlash() } }
    /// The cable comes off after `count` more messages to the node.
    func unplug(_ name: String, after count: Int?) { lock.withLock { unplugAfter[name] = count } }
    func timesOpened(_ name: String) -> Int { lock.withLock { opened[name] ?? 0 } }

    func node(_ name: String) -> HostedNode {
        lock.withLock {
            HostedNode(flash: flashes[name]!, serial: isNumbered ? serials[name]! : 0, isTrueRandom: isTrueRandom)
        }
    }

    func candidates() throws -> [NodeCandidate] {
        lock.withLock { flashes.keys.filter { !hidden.contains($0) }.sorted() }.map { NodeCandidate(.emulated(name: $0)) }
    }

    func open(_ locator: NodeLocator) async throws -> (any BytePipe)? {
        guard case .emulated(let name) = locator else { return nil }
        let node = node(name)
        let after = lock.withLock {
            opened[name, default: 0] += 1
            return unplugAfter[name]
        }
        return after.map { LoosePlug(node, after: $0) } ?? node
    }

    func client(_ name: String) async throws -> CoAPClient {
        quickClient(try await open(.emulated(name: name))!, "emulated:\(name)")
    }
}

/// A client that gives up soon.
func quickClient(_ pipe: any BytePipe, _ name: String = "hosted") -> CoAPClient {
    var timing = CoAPClient.Timing()
    timing.acknowledgement = .milliseconds(400)
    timing.retransmissions = 1
    return CoAPClient(pipe, name: name, timing: timing)
}

/// A cable that comes off: after `after` messages everything that is sent fails. The message before has reached the node, its answer
/// has not come back.
final class LoosePlug: BytePipe, @unchecked Sendable {
    private let inner: HostedNode
    private let after: Int
    private var sent = 0
    let incoming: AsyncThrowingStream<[UInt8], any Error>
    private let outgoing: AsyncThrowingStream<[UInt8], any Error>.Continuation

    init(_ inner: HostedNode, after: Int) {
        self.inner = inner
        self.after = after
        let (incoming, outgoing) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        self.incoming = incoming
        self.outgoing = outgoing
        Task {
            for try await bytes in inner.incoming { outgoing.yield(bytes) }
        }
    }

    func send(_ bytes: [UInt8]) async throws {
        sent += 1
        if sent > after {
            // What was being said still arrives, but nobody hears the answer.
            outgoing.finish(throwing: gone)
            try await inner.send(bytes)
            throw gone
        }
        try await inner.send(bytes)
    }

    private var gone: Failure { Failure(.unreachable, "the node was unplugged", advice: "Plug it in again") }
    func close() { inner.close() }
}

/// Labels that came out, in memory.
final class LabelTray: LabelOutput, @unchecked Sendable {
    private let lock = NSLock()
    private var labels: [String: [String]] = [:]
    let capacity: Int
    var isJammed = false

    init(capacity: Int = 1) { self.capacity = capacity }

    func write(_ labels: [ProvisionedLabel]) throws {
        if isJammed { throw Failure(.environment, "the printer is jammed", advice: "Open it") }
        lock.withLock { for label in labels { self.labels[label.name, default: []].append(label.drawing.label.text) } }
    }

    /// All texts that came out under each name.
    var all: [String: [String]] { lock.withLock { labels } }
}

/// A home folder that goes with the object.
final class TemporaryHome: Sendable {
    let path = FileManager.default.temporaryDirectory.path + "/ln-factory-\(randomBytes(6).hex)"
    var home: Home { get throws { try Home(path) } }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// All bytes of all files in it.
    func contents() throws -> [UInt8] {
        let files = FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? []
        return files.flatMap { [UInt8]((try? Data(contentsOf: URL(fileURLWithPath: path + "/" + $0))) ?? Data()) }
    }

    var pending: Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).count { $0.hasPrefix("pending-") }
    }
}

func holds(_ haystack: [UInt8], _ needle: [UInt8]) -> Bool { Data(haystack).range(of: Data(needle)) != nil }
