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
            #expect(try clock.next() == 2_000_000)
            #expect(try clock.next() == 2_000_001)
            time.withLock { $0 = 5 }
            #expect(try clock.next() == 2_000_002)
            // A program started later reads the same file.
            let later = SequenceClock(PrivateFile(folder + "/sequence")) { 7 }
            #expect(try later.next() == 2_000_003)
            time.withLock { $0 = 3_000_000 }
            #expect(try clock.next() == 3_000_000)
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
            #expect(numbers.withLock { Set($0) } == Set(1...200))
        }
    }

    @Test("A damaged file of sequence numbers is reported, never begun afresh")
    func damagedSequence() throws {
        try withFolder { folder throws in
            let file = PrivateFile(folder + "/sequence")
            for contents in ["", "12x", "-1", "99999999999999999999999", "72057594037927935"] {
                try file.write(Array(contents.utf8))
                #expect(throws: Failure.self) { try SequenceClock(file).next() }
            }
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
