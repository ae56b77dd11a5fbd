import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Reporting
import Synchronization
import Testing

@Suite("What a control node remembers")
struct BookTests {
    @Test("Sequence numbers rise even when the clock is set back")
    func clockSetBack() throws {
        try withFolder { folder throws in
            let time = Mutex<UInt64>(2_000_000)
            let clock = SequenceClock(PrivateFile(folder + "/sequence")) { time.withLock { $0 } }
            var last = try clock.next()
            #expect((2_000_000..<2_000_000 + SequenceClock.spread).contains(last))
            func rises(_ clock: SequenceClock) throws {
                let next = try clock.next()
                #expect(next > last && next <= last + SequenceClock.spread)
                last = next
            }
            try rises(clock)
            time.withLock { $0 = 5 }
            try rises(clock)
            // A program started later reads the same file.
            try rises(SequenceClock(PrivateFile(folder + "/sequence")) { 7 })
            time.withLock { $0 = 3_000_000 }
            #expect(try clock.next() >= 3_000_000)
        }
    }

    @Test("Programs that ask at once get different numbers")
    func concurrent() throws {
        try withFolder { folder throws in
            let numbers = Mutex<[UInt64]>([])
            DispatchQueue.concurrentPerform(iterations: 8) { _ in
                let clock = SequenceClock(PrivateFile(folder + "/sequence")) { 1 }
                for _ in 0..<25 {
                    let number = try? clock.next()
                    numbers.withLock { $0.append(number ?? 0) }
                }
            }
            #expect(numbers.withLock { Set($0).count } == 200)
        }
    }

    @Test("A damaged file of sequence numbers is reported, and begun afresh by a word of the user's")
    func damagedSequence() throws {
        try withFolder { folder throws in
            let file = PrivateFile(folder + "/sequence")
            for contents in ["", "12x", "-1", "99999999999999999999999"] {
                try file.write(Array(contents.utf8))
                #expect { try SequenceClock(file).next() } throws: {
                    ($0 as? Failure)?.remedy == .either([.advice("Restore it from a copy"), .renumber])
                }
                try SequenceClock(file).renumber()
                #expect(try SequenceClock(file).next() > SequenceClock.systemTime() - 60_000_000)
            }
        }
    }

    private static let (built, day): (UInt64, UInt64) = (1_795_000_000_000_000, 86_400_000_000)

    private func clock(_ folder: String, at time: UInt64, trusts: Bool = false) -> SequenceClock {
        SequenceClock(PrivateFile(folder + "/sequence"), limits: ClockLimits(built: Self.built, trusts: trusts)) { time }
    }

    @Test(
        "A clock far ahead of the program's age or its last use signs nothing without a word of the user's, and one beyond a century never"
    )
    func clockAhead() throws {
        try withFolder { folder throws in
            let (built, day) = (Self.built, Self.day)
            _ = try clock(folder, at: built + day).next()
            for time in [built + 402 * day, built + 5 * 365 * day, built + 10 * 365 * day] {
                let before = try PrivateFile(folder + "/sequence").read()
                #expect { try clock(folder, at: time).next() } throws: {
                    let failure = $0 as? Failure
                    return failure?.kind == .environment
                        && failure?.remedy == .either([.advice("Set this computer's clock"), .trustClock])
                }
                #expect(try PrivateFile(folder + "/sequence").read() == before)
            }
            #expect { try clock(folder, at: 80_000_000_000_000_000, trusts: true).next() } throws: {
                ($0 as? Failure)?.remedy == .advice("Set this computer's clock")
            }
            #expect(try clock(folder, at: built + 399 * day).next() >= built + 399 * day)
            #expect(try clock(folder, at: built + 3650 * day, trusts: true).next() >= built + 3650 * day)
        }
    }

    @Test("A count that a wrong clock has run up is not followed once the clock is right, and is while it may be wrong")
    func countAhead() throws {
        try withFolder { folder throws in
            let (built, day) = (Self.built, Self.day)
            let ahead = try clock(folder, at: built + 3650 * day, trusts: true).next()
            #expect(try clock(folder, at: 5).next() > ahead)
            let now = try clock(folder, at: built + 3 * day).next()
            #expect((built + 3 * day)...(built + 4 * day) ~= now)
            // Of another node's mark nothing stays.
            #expect(try clock(folder, at: built + 3 * day).next(above: ahead) > ahead)
            #expect(try clock(folder, at: built + 3 * day).next() < built + 4 * day)
        }
    }

    @Test("Two homes with one count go on with different numbers")
    func copiedCount() throws {
        try withFolder { folder throws in
            let homes = [folder + "/a", folder + "/b"]
            for home in homes {
                try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
                try PrivateFile(home + "/sequence").write(Array("\(Self.built + Self.day)\n".utf8))
            }
            // At the same moment, before the count: nothing but chance tells them apart.
            let pairs = try (0..<64).map { _ in try homes.map { try clock($0, at: Self.built).next() } }
            #expect(pairs.filter { $0[0] == $0[1] }.count < 4)
        }
    }

    @Test("The node book keeps what several programs write at once")
    func book() throws {
        try withFolder { folder throws in
            let book = NodeBook(PrivateFile(folder + "/devices.json"))
            let keys = (0..<16).map { _ in SigningKey.generate().publicKey }
            DispatchQueue.concurrentPerform(iterations: keys.count) { index in
                let key = keys[index]
                try? NodeBook(PrivateFile(folder + "/devices.json")).record(
                    KnownNode(
                        address: NodeAddress(of: key), identity: key, network: 1, epoch: 1, owner: key,
                        boundAt: Date(timeIntervalSince1970: 1_700_000_000)))
            }
            #expect(try Set(book.nodes().map(\.identity)) == Set(keys))
            let address = NodeAddress(of: keys[3])
            try book.update(address) { $0.nextIndex = 9 }
            #expect(try book.node(address)?.nextIndex == 9)
            try book.forget(address)
            #expect(try book.node(address) == nil)
            #expect(try book.nodes().count == 15)
        }
    }

    @Test("A damaged node book is reported, never begun afresh")
    func damagedBook() throws {
        try withFolder { folder throws in
            let file = PrivateFile(folder + "/devices.json")
            for contents in ["", "{}", #"{"format":"lightnode-devices","version":2,"devices":[]}"#] {
                try file.write(Array(contents.utf8))
                #expect(throws: Failure.self) { try NodeBook(file).nodes() }
            }
        }
    }

    @Test("Books written before nodes and devices were told apart are read, and what they hold is kept")
    func formerBooks() throws {
        let key = SigningKey.generate().publicKey
        let address = NodeAddress(of: key)
        try withFolder { folder throws in
            let nodes = PrivateFile(folder + "/devices.json")
            let known = #"{"address":"\#(address)","identity":"\#(key)","network":1,"epoch":3,"owner":"\#(key)","#
            let dated = #""boundAt":"2026-01-02T03:04:05Z"}"#
            try nodes.write(Array((#"{"format":"lightnode-devices","version":1,"devices":["# + known + dated + "]}").utf8))
            let book = NodeBook(nodes)
            try book.update(address) { $0.nextIndex = 7 }
            #expect(try book.nodes().map(\.epoch) == [3])
            #expect(try book.node(address)?.nextIndex == 7)

            let grants = PrivateFile(folder + "/grants.json")
            let given = #"{"id":"0011223344556677","device":"\#(address)","epoch":3,"holder":"\#(key)","text":"","#
            let state = #""givenAt":"2026-01-02T03:04:05Z","isRevoked":false,"paid":2}"#
            try grants.write(Array((#"{"format":"lightnode-grants","version":1,"grants":["# + given + state + "]}").utf8))
            let lent = GrantBook(grants)
            try lent.update([0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]) { $0.isRevoked = true }
            #expect(try lent.grants().map(\.node) == [address])
            #expect(try lent.grants().map(\.paid) == [2])
            #expect(try lent.grants().map(\.isRevoked) == [true])
        }
    }
}
