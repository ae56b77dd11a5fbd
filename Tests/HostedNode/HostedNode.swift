// The executor itself in this process: the portable firmware over simulated flash and pins, behind a byte pipe. Nothing here decides
// what a device accepts; the faults are those of the wire and of the power.

import CBOR
import Foundation
import LightNode
import NodeServer
import SimulatedNOR
import SimulatedPins
import Slipmux
import TestNode
import Transport

/// A light, a lock and a dimmer.
public enum HostedFitting: TestFitting {
    public static let devices: [TestDevice] = [.led, .lock, .dimmer]
}

/// One power-on of a node. Make another over the same flash for the next.
public final class HostedNode: BytePipe, @unchecked Sendable {
    public let incoming: AsyncThrowingStream<[UInt8], any Error>
    private let outgoing: AsyncThrowingStream<[UInt8], any Error>.Continuation
    public let flash: SimulatedNOR<4>
    public var waveform: Waveform { world.waveform }
    // All below is touched on the queue only.
    private let queue = DispatchQueue(label: "hosted-node")
    private let world: TestWorld
    private var server: TestServer<HostedFitting>
    private var decoder = SlipmuxDecoder<1152>()
    private var answersToLose = 0
    private var answersToKeep = 0
    private var isOff = false
    private var change: @Sendable ([UInt8]) -> [UInt8] = { $0 }
    private var meet: @Sendable ([UInt8]) -> Passage = { _ in .pass }
    private var held: [[UInt8]] = []
    private var way: (@Sendable (_ request: [UInt8], _ node: ([UInt8]) -> [UInt8]) -> [[UInt8]])?

    /// What a bridge does with a request.
    public enum Passage: Sendable {
        case pass
        /// Keeps it for later, and answers in the node's place.
        case hold(answer: [UInt8])
    }

    public static func blankFlash() -> SimulatedNOR<4> { blankPart() }

    public init(
        flash: SimulatedNOR<4> = HostedNode.blankFlash(), serial: UInt64 = 0x1122_3344, isTrueRandom: Bool = true,
        speed: UInt64 = 1
    ) {
        self.flash = flash
        world = TestWorld(.system, speed: speed)
        var platform = TestPlatform(world, isTrueRandom: isTrueRandom)
        (platform.board, platform.version, platform.hardwareSerial) = ("hosted", Version(0, 1, 0), serial)
        server = NodeServer(Node(flash: flash, devices: TestDevices(world), platform: platform))
        (incoming, outgoing) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
    }

    /// The next answers but the first `kept` never arrive; the node has done its work all the same.
    public func loseAnswers(_ count: Int, after kept: Int = 0) { queue.sync { (answersToLose, answersToKeep) = (count, kept) } }

    /// Somebody on the way changes answers, CoAP messages.
    public func changeAnswers(_ change: @escaping @Sendable ([UInt8]) -> [UInt8]) { queue.sync { self.change = change } }

    /// Somebody on the way decides which requests, CoAP messages, arrive.
    public func meetRequests(_ meet: @escaping @Sendable ([UInt8]) -> Passage) { queue.sync { self.meet = meet } }

    /// Somebody on the way gets each request, CoAP, and a node to give it to, or not, and answers with what is returned.
    public func lead(_ way: @escaping @Sendable (_ request: [UInt8], _ node: ([UInt8]) -> [UInt8]) -> [[UInt8]]) {
        queue.sync { self.way = way }
    }

    /// Asks the node by another wire, past whatever is on the way.
    public func ask(_ request: [UInt8]) -> [UInt8] { queue.sync { server.exchange(request, from: .usb) } }

    /// Somebody on the way delivers what it kept back, in the order in which it came; the node's answers go nowhere.
    public func deliverHeld() {
        queue.sync {
            for message in held { _ = server.exchange(message) }
            held = []
        }
    }

    /// The power fails: the line goes dead.
    public func close() {
        queue.sync { isOff = true }
        outgoing.finish()
    }

    public func send(_ bytes: [UInt8]) async throws {
        queue.sync {
            guard !isOff else { return }
            for byte in bytes {
                guard let message = decoder.message(endingWith: byte) else { continue }
                if let way {
                    for answer in way(message, { server.exchange($0) }) { outgoing.yield(SlipmuxFrames.coap(answer)) }
                    continue
                }
                if case .hold(let answer) = meet(message) {
                    held.append(message)
                    outgoing.yield(SlipmuxFrames.coap(answer))
                    continue
                }
                let answer = change(server.exchange(message))
                guard !answer.isEmpty else { continue }
                if answersToLose > 0, answersToKeep > 0 {
                    answersToKeep -= 1
                    outgoing.yield(SlipmuxFrames.coap(answer))
                } else if answersToLose > 0 {
                    answersToLose -= 1
                } else {
                    outgoing.yield(SlipmuxFrames.coap(answer))
                }
            }
            turn()
        }
    }

    /// How often the pin called `name` has changed.
    public func changes(_ name: String) -> Int { queue.sync { waveform.history(name).count } }

    /// A turn of the main loop: devices are polled, observers are told.
    private func turn() {
        let notification = server.turn()
        if !notification.isEmpty { outgoing.yield(SlipmuxFrames.coap(notification)) }
    }

    /// The identity's public half; nil while blank.
    public var identityKey: [UInt8]? {
        queue.sync {
            var bytes = [UInt8](repeating: 0, count: 1024)
            var writer = CBORWriter(bytes.mutableSpan)
            server.node.writeStatus(&writer)
            guard let count = try? writer.finish() else { return nil }
            // The last entry but two of the status: 16 => 32 bytes, then 17 and 18 => 24 bytes each.
            let text = Array(bytes.prefix(count))
            let tail = Array(text.suffix(35 + 2 * 27))
            return tail.starts(with: [0x10, 0x58, 0x20]) ? Array(tail[3..<35]) : nil
        }
    }

    /// True while the pin called `name` is high.
    public func isHigh(_ name: String) -> Bool { queue.sync { waveform.history(name).last?.value == 1 } }
}

extension SlipmuxDecoder {
    fileprivate mutating func message(endingWith byte: UInt8) -> [UInt8]? {
        guard case .coap = receive(byte) else { return nil }
        return content.withUnsafeBytes { Array($0) }
    }
}

extension HostedNode {
    /// Gives the node what comes from `descriptor`, until that ends; returns then. Each piece has been taken before the next is read.
    public func receive(from descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: 1024)
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 {
            let bytes = Array(buffer[..<count])
            let done = DispatchSemaphore(value: 0)
            Task {
                try? await self.send(bytes)
                done.signal()
            }
            done.wait()
        }
    }
}
