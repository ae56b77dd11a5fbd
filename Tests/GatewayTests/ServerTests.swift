import CoAP
import Foundation
import Gateway
import Reporting
import Synchronization
import Testing
import Transport

/// A switch that tasks share.
final class Toggle: Sendable {
    private let value = Mutex(false)
    var isOn: Bool { value.withLock { $0 } }
    func turnOn() { value.withLock { $0 = true } }
}

/// Answers with the number of requests so far, as late as it is told to.
private final class Counter: CoAPService {
    let count = Mutex(0)
    let cancelled = Mutex<[ObserverID]>([])
    let delay: Duration

    init(delay: Duration = .zero) { self.delay = delay }

    func answer(_ request: Message, from peer: SocketAddress) async -> Reply {
        let number = count.withLock { count in
            count += 1
            return count
        }
        try? await Task.sleep(for: delay)
        return Reply(.content, payload: Array("\(number)".utf8))
    }

    func cancel(_ observer: ObserverID) async { cancelled.withLock { $0.append(observer) } }
}

/// RFC 7252's message layer, datagram by datagram.
@Suite("The CoAP server", .serialized)
struct ServerTests {
    private func withServer(
        _ service: Counter, _ limits: CoAPServer.Limits = .init(),
        _ body: (CoAPServer, UDPSocket, inout AsyncThrowingStream<UDPSocket.Datagram, any Error>.Iterator) async throws -> Void
    ) async throws {
        let loopback = try SocketAddress(host: "127.0.0.1", port: 0)
        let server = try CoAPServer(at: loopback, service: service, limits: limits)
        let serving = Task { await server.run() }
        let socket = try UDPSocket(connectedTo: server.address)
        var incoming = socket.incoming.makeAsyncIterator()
        try await body(server, socket, &incoming)
        server.close()
        serving.cancel()
    }

    private func request(_ type: CoAPType, id: UInt16, token: [UInt8] = [1]) throws -> [UInt8] {
        try Message(type, .get, id: id, token: token).encoded()
    }

    @Test("A repeated request gets the same answer and is not carried out again, confirmable or not")
    func deduplication() async throws {
        let service = Counter()
        try await withServer(service) { _, socket, incoming in
            for type in [CoAPType.confirmable, .nonConfirmable] {
                let bytes = try request(type, id: 7 + UInt16(type.rawValue))
                var answers: [[UInt8]] = []
                for _ in 0..<3 {
                    socket.send(bytes)
                    answers.append(try #require(try await incoming.next()).bytes)
                }
                #expect(Set(answers).count == 1)
                let answer = try Message(answers[0])
                #expect(answer.type == (type == .confirmable ? .acknowledgement : .nonConfirmable) && answer.token == [1])
            }
            #expect(service.count.withLock { $0 } == 2)
        }
    }

    @Test("A slow answer is announced by an empty acknowledgement, and repeated until it is acknowledged itself")
    func separate() async throws {
        var limits = CoAPServer.Limits()
        limits.processing = .milliseconds(20)
        limits.acknowledgementTimeout = .milliseconds(40)
        try await withServer(Counter(delay: .milliseconds(150)), limits) { _, socket, incoming in
            socket.send(try request(.confirmable, id: 9))
            let first = try Message(try #require(try await incoming.next()).bytes)
            #expect(first.type == .acknowledgement && first.code == .empty && first.id == 9)
            var answers: [Message] = []
            for _ in 0..<3 { answers.append(try Message(try #require(try await incoming.next()).bytes)) }
            #expect(answers.allSatisfy { $0 == answers[0] && $0.type == .confirmable && $0.code == .content && $0.token == [1] })
            socket.send(try Message.empty(.acknowledgement, id: answers[0].id).encoded())
            // Nothing more: the next datagram answers the ping.
            try await Task.sleep(for: .milliseconds(100))
            socket.send(try Message(.confirmable, .empty, id: 77).encoded())
            while true {
                let message = try Message(try #require(try await incoming.next()).bytes)
                if message.type == .reset {
                    #expect(message.id == 77)
                    break
                }
                // One more may have been under way.
                #expect(message == answers[0])
            }
        }
    }

    @Test("What is no message is ignored, or reset when it claims to be confirmable; a response nobody asked for is reset")
    func nonsense() async throws {
        let service = Counter()
        try await withServer(service) { _, socket, incoming in
            for bytes in [[], [0x40], [0xff, 1, 2, 3], [0x10, 1, 0, 5], [0x60, 0, 0, 6, 1]] as [[UInt8]] { socket.send(bytes) }
            socket.send([0x40, 0x01, 0x12, 0x34, 0xf0])
            #expect(try #require(try await incoming.next()).bytes == [0x70, 0, 0x12, 0x34])
            socket.send(try Message(.confirmable, .content, id: 0x4321).encoded())
            #expect(try #require(try await incoming.next()).bytes == [0x70, 0, 0x43, 0x21])
            #expect(service.count.withLock { $0 } == 0)
        }
    }

    @Test("Notifications come one at a time, are repeated until acknowledged, and end with a reset or with silence")
    func notifications() async throws {
        var limits = CoAPServer.Limits()
        limits.acknowledgementTimeout = .milliseconds(30)
        limits.retransmissions = 2
        let service = Counter()
        try await withServer(service, limits) { server, socket, incoming in
            socket.send(try request(.confirmable, id: 1))
            _ = try await incoming.next()
            let observer = ObserverID(peer: socket.localAddress, token: [5])
            for number in 1...3 { await server.notify(observer, Reply(.content, payload: [UInt8(number)])) }
            for number in 1...3 {
                var message = try Message(try #require(try await incoming.next()).bytes)
                while message.payload != [UInt8(number)] { message = try Message(try #require(try await incoming.next()).bytes) }
                #expect(message.type == .confirmable && message.token == [5])
                if number < 3 { socket.send(try Message.empty(.acknowledgement, id: message.id).encoded()) }
                if number == 3 { socket.send(try Message.empty(.reset, id: message.id).encoded()) }
            }
            for _ in 0..<200 where service.cancelled.withLock(\.isEmpty) { try await Task.sleep(for: .milliseconds(10)) }
            #expect(service.cancelled.withLock { $0 } == [observer])
            let silent = ObserverID(peer: socket.localAddress, token: [6])
            await server.notify(silent, Reply(.content))
            for _ in 0..<500 where service.cancelled.withLock(\.count) < 2 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(service.cancelled.withLock { $0 } == [observer, silent])
        }
    }

    @Test("One host cannot have more than its share of requests under way")
    func share() async throws {
        var limits = CoAPServer.Limits()
        limits.requestsPerHost = 2
        try await withServer(Counter(delay: .milliseconds(500)), limits) { _, socket, incoming in
            for id in 1...3 { socket.send(try request(.confirmable, id: UInt16(id), token: [UInt8(id)])) }
            let first = try Message(try #require(try await incoming.next()).bytes)
            #expect(first.code == .tooManyRequests && first.token == [3] && first.maxAge == 1)
        }
    }
}
