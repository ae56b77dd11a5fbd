// The cable of an emulated board's USB, with the board's end of the wire in the test's hand.
import Foundation
import Synchronization
import Testing
import VirtualUSB

@testable import Emulation

@Suite("The cable of an emulated board's USB") struct BoardCableTests {
    /// The board's end: bytes, nothing else.
    private final class Board {
        private let path = FileManager.default.temporaryDirectory.appendingPathComponent("cable-\(UInt32.random(in: 0 ... .max))")
            .path
        private var wire: Int32 = -1

        init(_ cable: BoardCable) throws {
            let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            let isBound = try withUnixAddress(path) { bind(listener, $0, $1) == 0 }
            try #require(isBound && listen(listener, 1) == 0)
            try cable.connect(path: path)
            wire = accept(listener, nil, nil)
            var patience = timeval(tv_sec: 20, tv_usec: 0)
            setsockopt(wire, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        }

        deinit {
            close(wire)
            unlink(path)
        }

        func send(_ bytes: [UInt8]) { _ = LineSocket.send(bytes, to: wire) }

        func receive(_ count: Int) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: count)
            return recv(wire, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : []
        }
    }

    private func frame(_ kind: UInt8, _ endpoint: UInt8 = 0, _ data: [UInt8] = []) -> [UInt8] {
        [kind, endpoint, UInt8(data.count), 0] + data + [0xA5]
    }

    @Test("A packet that a reset of the chip has cut off is no answer, and nobody is blamed", arguments: 0...69)
    func cutAnswer(length: Int) throws {
        let cable = BoardCable(patience: 20)
        let isBack = DispatchSemaphore(value: 0)
        cable.attach { if $0 == .connected(true) { isBack.signal() } }
        let board = try Board(cable)
        #expect(board.receive(5) == frame(0x08))
        let answer = Mutex<DeviceAnswer?>(nil)
        let asking = Thread { answer.withLock { $0 = cable.handleIn(endpoint: 0x80) } }
        asking.start()
        #expect(board.receive(5) == frame(0x04, 0x80))
        // Its beginning, the zeros that it is filled up with, and STARTED.
        board.send(frame(0x81, 0x80, [1] + [UInt8](repeating: 0x81, count: 64)).prefix(length) + [UInt8](repeating: 0, count: 72))
        board.send(frame(0x86))
        #expect(board.receive(1029) == [UInt8](repeating: 0, count: 1029) && board.receive(5) == frame(0x0A))
        board.send(frame(0x87, 0, [1]))
        #expect(isBack.wait(timeout: .now() + 20) == .success)
        while !asking.isFinished { usleep(1000) }
        #expect(answer.withLock { $0 } == .silence && cable.complaints.isEmpty, "\(cable.complaints)")
        // What comes next is an answer again.
        let next = Thread { answer.withLock { $0 = cable.handleIn(endpoint: 0x80) } }
        next.start()
        #expect(board.receive(5) == frame(0x04, 0x80))
        board.send(frame(0x81, 0x80, [1, 7]))
        while !next.isFinished { usleep(1000) }
        #expect(answer.withLock { $0 } == .data(toggle: 1, [7]))
    }
}
