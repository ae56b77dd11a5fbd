import Foundation
import Reporting
import Synchronization
import Testing
import WitnessPython

@testable import Transport

/// The client against aiocoap, a server that nobody here wrote, through a bridge that can lose, repeat and garble.
@Suite("The CoAP client, against aiocoap", .serialized)
struct CoAPClientTests {
    /// Starts the server and connects to it.
    private func withServer(
        _ options: [String] = [], overUDP: Bool = false, onLog: @escaping @Sendable (String) -> Void = { _ in },
        _ body: (CoAPClient) async throws -> Void
    ) async throws {
        let path = FileManager.default.temporaryDirectory.path + "/ln-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Witness/coap_server.py")
        let server = try WitnessPython([script.path, path] + options)
        defer {
            // Not a signal that it may have inherited as blocked.
            kill(server.process.processIdentifier, SIGKILL)
            try? FileManager.default.removeItem(atPath: path)
        }
        let ready = server.firstLine().split(separator: " ")
        try #require(ready.count == 2 && ready[0] == "ready")
        var timing = CoAPClient.Timing()
        timing.acknowledgement = .milliseconds(100)
        let link: any CoAPLink =
            overUDP
            ? try UDPLink(url: "coap://[::1]:\(ready[1])")
            : SlipmuxLink(try UnixSocket.connect(path: path, name: "aiocoap"))
        let client = CoAPClient(link, name: "aiocoap", timing: timing, onLog: onLog)
        try await body(client)
        await client.close()
    }

    @Test("A resource is fetched, and discovery shows it")
    func fetch() async throws {
        try await withServer { client async throws in
            let answer = try await client.send(.get("short"))
            #expect(answer == Response(code: 0x45, contentFormat: 42, payload: Array("hello".utf8)))
            let links = try await client.send(.get(".well-known/core"))
            #expect(links.contentFormat == 40)
            #expect(String(decoding: links.payload, as: UTF8.self).contains("</short>"))
        }
    }

    @Test("A long answer is put together from its blocks")
    func blockwise() async throws {
        try await withServer { client async throws in
            let answer1 = try await client.send(.get("long"))
            #expect(answer1.payload == (0..<5000).map { UInt8($0 % 251) })
        }
    }

    @Test("A payload and a query arrive, and an error keeps its code")
    func post() async throws {
        try await withServer { client async throws in
            var request = Request.post("echo", Array("body\u{c0}".utf8) + [0xc0, 0xdb], contentFormat: 60)
            request.query = ["from=12"]
            let answer = try await client.send(request)
            #expect(answer.codeText == "2.04")
            #expect(answer.payload == Array("1:from=12:body\u{c0}".utf8) + [0xc0, 0xdb])
            let answer2 = try await client.send(.get("nowhere"))
            #expect(answer2.codeText == "4.04")
        }
    }

    @Test("A slow answer comes separately, after an empty acknowledgement")
    func separate() async throws {
        try await withServer { client async throws in
            let answer3 = try await client.send(.get("slow"))
            #expect(answer3.payload == Array("at last".utf8))
            let answer4 = try await client.send(.get("short"))
            #expect(answer4.payload == Array("hello".utf8))
        }
    }

    @Test("A lost request is sent again", arguments: ["1", "1,2", "2", "2,3"])
    func lost(_ frames: String) async throws {
        try await withServer(["--lose", frames]) { client async throws in
            let answer = try await client.send(.post("echo", Array("x".utf8), contentFormat: 60))
            // Executed once, however often it was sent: the message id stays the same.
            #expect(answer.payload == Array("1::x".utf8))
        }
    }

    @Test("Frames that arrive twice change nothing")
    func repeated() async throws {
        try await withServer(["--repeat"]) { client async throws in
            for number in 1...5 {
                let answer = try await client.send(.post("echo", Array("x".utf8), contentFormat: 60))
                #expect(answer.payload == Array("\(number)::x".utf8))
            }
            let answer5 = try await client.send(.get("long"))
            #expect(answer5.payload.count == 5000)
        }
    }

    @Test("Noise between frames is ignored, and log lines come out without control characters")
    func noise() async throws {
        let lines = Mutex<[String]>([])
        try await withServer(["--noise"], onLog: { line in lines.withLock { $0.append(line) } }) { client async throws in
            let answer6 = try await client.send(.get("short"))
            #expect(answer6.payload == Array("hello".utf8))
        }
        let first = lines.withLock { $0.first }
        if let first { #expect(first == "log line  [31m") }
    }

    @Test("An observed resource is told anew, in order, until nobody wants it")
    func observe() async throws {
        try await withServer { client async throws in
            var seen: [Int] = []
            for try await answer in try await client.observe("ticker") {
                seen.append(Int(String(decoding: answer.payload, as: UTF8.self))!)
                if seen.count == 5 { break }
            }
            #expect(seen == seen.sorted() && Set(seen).count == 5)
            // Leaving the loop ends the observation at the server too.
            for _ in 0..<50 {
                let observers = try await client.send(.get("observers"))
                if observers.payload == Array("0".utf8) { return }
                try await Task.sleep(for: .milliseconds(50))
            }
            Issue.record("the server still has an observer")
        }
    }

    @Test("Over UDP it is fetched, sent and observed alike, in blocks too")
    func udp() async throws {
        try await withServer(overUDP: true) { client async throws in
            #expect(try await client.send(.get("long")).payload == (0..<5000).map { UInt8($0 % 251) })
            #expect(try await client.send(.post("echo", Array("x".utf8), contentFormat: 60)).payload == Array("1::x".utf8))
            var seen = 0
            for try await _ in try await client.observe("ticker") {
                seen += 1
                if seen == 3 { break }
            }
        }
    }

    @Test("What is observed comes whole, however many blocks a notification takes")
    func observedBlocks() async throws {
        try await withServer { client async throws in
            var seen: [Int] = []
            for try await answer in try await client.observe("long-ticker") {
                let numbers = Set(String(decoding: answer.payload, as: UTF8.self).split(separator: ";"))
                #expect(numbers.count == 1 && answer.payload.count >= 2000)
                seen.append(Int(numbers.first ?? "") ?? -1)
                if seen.count == 3 { break }
            }
            #expect(seen == seen.sorted())
        }
    }

    @Test("An observation that falls silent is asked for anew")
    func renewal() async throws {
        try await withServer { client async throws in
            var seen: [String] = []
            for try await answer in try await client.observe("silent", lateness: .milliseconds(100)) {
                seen.append(String(decoding: answer.payload, as: UTF8.self))
                if seen.count == 3 { break }
            }
            #expect(seen == ["1", "2", "3"])
        }
    }

    @Test("An observation is ended by cancelling it, and one of a resource that has none fails")
    func cancelled() async throws {
        try await withServer { client async throws in
            let observation = try await client.observe("ticker")
            observation.cancel()
            for try await _ in observation {}
            await #expect(throws: Failure.self) { try await client.observe("short") }
        }
    }

    @Test("Notifications are ordered by their 24-bit numbers, which wrap around, and after 128 seconds by their arrival")
    func order() {
        var order = NotificationOrder()
        let start = ContinuousClock.now
        for (number, seconds, isNewer) in [
            (0xff_fffe, 0, true), (0xff_ffff, 1, true), (0xff_fffe, 1, false), (0xff_ffff, 1, false), (0, 2, true), (5, 3, true),
            (4, 4, false), (4 + 1 << 23, 5, true), (4, 134, true), (3, 135, false),
        ] as [(UInt32, Int, Bool)] {
            #expect(order.accept(number, at: start + .seconds(seconds)) == isNewer, "\(number)")
        }
    }

    @Test("Requests made at once are all answered")
    func concurrent() async throws {
        try await withServer { client async throws in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<10 { group.addTask { try await client.send(.get("long")).payload.count } }
                for try await count in group { #expect(count == 5000) }
            }
        }
    }
}

@Suite("The CoAP client, when nobody answers")
struct SilenceTests {
    /// A line whose other end is in the test's hands.
    private func line() throws -> (client: CoAPClient, far: Int32) {
        var ends: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        var timing = CoAPClient.Timing()
        timing.acknowledgement = .milliseconds(10)
        return (CoAPClient(try DescriptorPipe(descriptor: ends[0], name: "line"), name: "line", timing: timing), ends[1])
    }

    private func failure(_ body: () async throws -> Response) async -> Failure? {
        do {
            _ = try await body()
            return nil
        } catch { return error as? Failure }
    }

    @Test("After the first try and four more the request is given up, and all five frames were the same")
    func givesUp() async throws {
        let (client, far) = try line()
        let failure = await failure { try await client.send(.get("status")) }
        #expect(failure?.kind == .unreachable)
        #expect(failure?.what.contains("5 times") == true)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(far, &bytes, bytes.count)
        var frames = SlipmuxFrames()
        let sent = frames.push(Array(bytes[..<count]))
        #expect(sent.count == 5 && Set(sent).count == 1)
        close(far)
    }

    @Test("A line that is hung up fails what is under way at once, and all that follows")
    func hangUp() async throws {
        let (client, far) = try line()
        async let pending = failure { try await client.send(.get("status")) }
        try await Task.sleep(for: .milliseconds(2))
        close(far)
        #expect(await pending?.kind == .unreachable)
        #expect(await failure { try await client.send(.get("status")) }?.kind == .unreachable)
    }

    @Test("A cancelled request ends, and the line can be used again")
    func cancelled() async throws {
        let (client, far) = try line()
        let task = Task { try await client.send(.get("status")) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(await failure { try await client.send(.get("status")) }?.kind == .unreachable)
        close(far)
    }

    @Test("A far end that takes no bytes does not block for ever")
    func blocked() async throws {
        var ends: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let pipe = try DescriptorPipe(descriptor: ends[0], name: "line", sendLimit: .milliseconds(50))
        await #expect(throws: Failure.self) { try await pipe.send([UInt8](repeating: 0, count: 10_000_000)) }
        pipe.close()
        close(ends[1])
    }

    @Test("Random bytes from the node neither stop the client nor pass for an answer")
    func garbage() async throws {
        let (client, far) = try line()
        let noise = Thread {
            for _ in 0..<200 {
                var bytes = (0..<100).map { _ in UInt8.random(in: 0...255) }
                // Whole frames with good checks and random contents get further than noise.
                bytes += SlipmuxFrames.coap((0..<Int.random(in: 0...30)).map { _ in UInt8.random(in: 0...255) })
                _ = send(far, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                usleep(200)
            }
        }
        noise.start()
        let failure = await failure { try await client.send(.get("status")) }
        #expect(failure?.kind == .unreachable || failure?.kind == .malformedAnswer)
        await client.close()
    }
}
