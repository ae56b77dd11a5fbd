// The serial line of a named board, for several programs at once: what one watches another may command meanwhile.
import Foundation

/// Passes slipmux frames between a board's UART, which takes one connection, and any number of clients.
///
/// Frames from clients go to the board whole, one after another. Logs from the board go to everybody, a CoAP message to the client that
/// used its token, or its message id, last; the CoAP header is in RFC 7252, section 3. The board is connected to while there are clients.
final class SharedLine: @unchecked Sendable {
    /// What is longer without an END is no frame, and goes through as it is.
    private static let longestFrame = 4096
    private static let end: UInt8 = 0xC0

    let path: String
    private let board: String
    private let listener: Int32
    private let lock = NSLock()
    private var clients: Set<Int32> = []
    private var upstream: Int32 = -1
    private var asked = Askers()

    /// Listens at `path` for the UART whose socket is at `board`.
    init(path: String, board: String) throws {
        (self.path, self.board) = (path, board)
        listener = try LineSocket.listen(path)
        start("line") { [weak self, listener] in
            while case let client = accept(listener, nil, nil), client >= 0 { self?.join(client) }
        }
    }

    /// Ends every connection and listens no more.
    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        lock.withLock { hangUp() }
    }

    deinit { Glibc.close(listener) }

    private func start(_ name: String, _ work: @escaping @Sendable () -> Void) {
        let thread = Thread(block: work)
        thread.name = name
        thread.start()
    }

    // MARK: Clients

    private func join(_ client: Int32) {
        let isConnected = lock.withLock {
            guard upstream >= 0 || connectBoard() else { return false }
            clients.insert(client)
            return true
        }
        guard isConnected else {
            Glibc.close(client)
            return
        }
        start("line-client") { [self] in
            Self.readFrames(client) { frames in
                lock.withLock {
                    for frame in frames {
                        asked.note(frame, by: client)
                        _ = LineSocket.send(frame, to: upstream)
                    }
                }
            }
            lock.withLock { leave(client) }
            Glibc.close(client)
        }
    }

    /// The last client that leaves frees the board's line.
    private func leave(_ client: Int32) {
        clients.remove(client)
        asked.forget(client)
        if clients.isEmpty { hangUp() }
    }

    // MARK: The board

    private func connectBoard() -> Bool {
        guard let handle = try? LineSocket.open(board), handle >= 0 else { return false }
        upstream = handle
        start("line-board") { [self] in
            Self.readFrames(handle) { frames in
                lock.withLock { for frame in frames { pass(frame) } }
            }
            // The board was turned off.
            lock.withLock { if upstream == handle { hangUp() } }
            Glibc.close(handle)
        }
        return true
    }

    private func pass(_ frame: [UInt8]) {
        for client in receivers(of: frame) where !LineSocket.send(frame, to: client, patient: false) {
            shutdown(client, Int32(SHUT_RDWR))
        }
    }

    private func hangUp() {
        if upstream >= 0 { shutdown(upstream, Int32(SHUT_RDWR)) }
        upstream = -1
        for client in clients { shutdown(client, Int32(SHUT_RDWR)) }
    }

    private func receivers(of frame: [UInt8]) -> [Int32] {
        guard CoAPHeader(frame: frame) != nil else { return Array(clients) }
        // What no client asked for: the client that gets it resets it (RFC 7252, 4.2), and the board forgets its observer.
        return (asked.client(for: frame) ?? clients.first).map { [$0] } ?? []
    }

    // MARK: Bytes

    /// Reads until the other side closes, and passes on what ends with END, all that has come together.
    private static func readFrames(_ handle: Int32, _ pass: ([[UInt8]]) -> Void) {
        var frame: [UInt8] = []
        while let bytes = received(from: handle) {
            var frames: [[UInt8]] = []
            for byte in bytes {
                frame.append(byte)
                guard byte == end || frame.count == longestFrame else { continue }
                frames.append(frame)
                frame = []
            }
            if !frames.isEmpty { pass(frames) }
        }
        if !frame.isEmpty { pass([frame]) }
    }
}

/// Which client used a token, or a message id, last.
private struct Askers {
    private var byToken: [[UInt8]: Int32] = [:]
    private var byID: [UInt16: Int32] = [:]

    mutating func note(_ frame: [UInt8], by client: Int32) {
        guard let header = CoAPHeader(frame: frame) else { return }
        if !header.isEmpty { byToken[header.token] = client }
        byID[header.id] = client
    }

    func client(for frame: [UInt8]) -> Int32? {
        guard let header = CoAPHeader(frame: frame) else { return nil }
        return header.isEmpty ? byID[header.id] : byToken[header.token]
    }

    mutating func forget(_ client: Int32) {
        byToken = byToken.filter { $0.value != client }
        byID = byID.filter { $0.value != client }
    }
}

/// The part of a CoAP message in a slipmux frame that tells whose it is.
private struct CoAPHeader {
    let id: UInt16
    let token: [UInt8]
    /// An acknowledgement or reset without an answer in it.
    let isEmpty: Bool

    init?(frame: [UInt8]) {
        var bytes: [UInt8] = []
        var rest = frame.drop { $0 == 0xC0 }.makeIterator()
        while bytes.count < 13, let byte = rest.next() {
            switch byte {
            case 0xDB: bytes.append(rest.next() == 0xDC ? 0xC0 : 0xDB)
            default: bytes.append(byte)
            }
        }
        guard bytes.count >= 5, bytes[0] == 0xA9, bytes[1] >> 6 == 1 else { return nil }
        let length = Int(bytes[1] & 0xF)
        guard length <= 8, bytes.count >= 5 + length else { return nil }
        isEmpty = bytes[2] == 0
        id = UInt16(bytes[3]) << 8 | UInt16(bytes[4])
        token = Array(bytes[5..<5 + length])
    }
}
