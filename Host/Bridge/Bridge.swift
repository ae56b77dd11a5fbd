// A bridge that programs reach over UDP: whatever they send goes to one node, with faults, and its answers come back alike.
import CoAP
import Synchronization
import Transport

/// Relays CoAP messages between UDP clients and a node, unchanged but for its faults. It holds no key and no opinion.
public final class Bridge: Sendable {
    /// Where it listens, with the port that it got.
    public let address: SocketAddress
    private let socket: UDPSocket
    private let link: any CoAPLink
    private let up: FaultyPath
    private let down: FaultyPath
    private let peers: Peers

    /// Listens at `address`; port 0 takes any free one.
    /// - Throws: `Failure` of kind `environment` when the address is taken or may not be used.
    public init(at address: SocketAddress, to link: any CoAPLink, faults: Faults) throws {
        let socket = try UDPSocket(boundTo: address)
        let peers = Peers()
        self.socket = socket
        self.link = link
        self.address = socket.localAddress
        self.peers = peers
        up = FaultyPath(faults, direction: 1) { try? await link.send($0) }
        down = FaultyPath(faults, direction: 2) { bytes in
            guard let answer = try? Message(bytes), let peer = peers.peer(of: answer) else { return }
            socket.send(bytes, to: peer)
        }
    }

    /// What happened so far, to requests and to answers.
    public var counts: (requests: FaultCounts, answers: FaultCounts) { (up.counts, down.counts) }

    /// Relays until `close`, or until the node hangs up.
    /// - Throws: `Failure` when the line to the node breaks. Socket and link are closed whenever it ends.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                for try await datagram in socket.incoming {
                    if datagram.bytes.count > link.capacity {
                        refuse(datagram)
                        continue
                    }
                    if let message = try? Message(datagram.bytes) { peers.note(message, datagram.sender) }
                    up.push(datagram.bytes)
                }
            }
            group.addTask { [self] in
                for try await frame in link.incoming {
                    if case .coap(let bytes) = frame { down.push(bytes) }
                }
            }
            defer { close() }
            try await group.next()
        }
    }

    /// What the far end cannot take is answered here (RFC 7959, section 2.9.3): it would drop it without a word.
    private func refuse(_ datagram: UDPSocket.Datagram) {
        guard let request = try? Message(datagram.bytes), request.code.isRequest else { return }
        let room = max(0, link.capacity - (datagram.bytes.count - request.payload.count))
        let type: CoAPType = request.type == .confirmable ? .acknowledgement : .nonConfirmable
        let answer = Message(
            type, .requestEntityTooLarge, id: request.id, token: request.token,
            options: [.init(CoAPOptionNumber.size1, uint: UInt32(room))],
            payload: Array("the device takes \(room) bytes here".utf8))
        if let bytes = try? answer.encoded() { socket.send(bytes, to: datagram.sender) }
    }

    /// Closes the socket and the link; `run` ends. Closing twice is harmless.
    public func close() {
        socket.close()
        link.close()
    }
}

/// Whose message it was: answers carry its id or its token.
private final class Peers: Sendable {
    private let known = Mutex<(byID: [UInt16: SocketAddress], byToken: [[UInt8]: SocketAddress])>(([:], [:]))

    func note(_ message: Message, _ peer: SocketAddress) {
        known.withLock { known in
            known.byID[message.id] = peer
            if known.byToken.count > 4096 { known.byToken.removeAll() }
            if message.code.isRequest { known.byToken[message.token] = peer }
        }
    }

    func peer(of answer: Message) -> SocketAddress? {
        known.withLock { answer.code.isResponse ? $0.byToken[answer.token] : $0.byID[answer.id] }
    }
}
