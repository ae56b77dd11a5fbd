// A label printer on a network: the raw port of one, to which ZPL is sent.
import Foundation

/// Listens on a port of this computer's own until it goes.
final class NetworkPrinter: @unchecked Sendable {
    enum Manner {
        case prints
        /// Takes the connection and resets it: out of paper, say.
        case hangsUp
        /// Takes the connection and never reads: it is stuck.
        case isStuck
    }

    let port: UInt16
    private let listener: Int32
    private let lock = NSLock()
    private var jobs: [[UInt8]] = []
    private var held: [Int32] = []

    init(_ manner: Manner = .prints) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // A small window, so that a stuck printer's label does not fit into it.
        var size: Int32 = 2048
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [weak self] in
            while case let connection = accept(listener, nil, nil), connection >= 0 { self?.serve(connection, manner) }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        for connection in held { close(connection) }
    }

    var url: String { "tcp://127.0.0.1:\(port)" }
    /// What came over each connection.
    var printed: [[UInt8]] { lock.withLock { jobs } }

    private func serve(_ connection: Int32, _ manner: Manner) {
        switch manner {
        case .prints:
            var job: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while case let count = read(connection, &buffer, buffer.count), count > 0 { job += buffer[..<count] }
            close(connection)
            lock.withLock { jobs.append(job) }
        case .hangsUp:
            var now = linger(l_onoff: 1, l_linger: 0)
            setsockopt(connection, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
            close(connection)
        case .isStuck: lock.withLock { held.append(connection) }
        }
    }

    /// The picture of a job's graphic field, as a portable bitmap that any program reads.
    static func picture(_ job: [UInt8]) -> Data? {
        let text = String(decoding: job, as: UTF8.self)
        guard let field = text.firstMatch(of: /\^PW(\d+)\^LL(\d+).*\^GFA,\d+,\d+,(\d+),([0-9A-F]+)\^FS/),
            let width = Int(field.1), let height = Int(field.2)
        else { return nil }
        var bytes = Data("P4\n\(width) \(height)\n".utf8)
        var digits = field.4.utf8.makeIterator()
        while let high = digits.next(), let low = digits.next() {
            bytes.append(UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)!)
        }
        return bytes
    }
}
