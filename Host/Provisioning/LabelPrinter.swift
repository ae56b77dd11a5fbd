// A label printer that understands ZPL, behind a device file or on a network.
import Foundation
import HostCrypto
import Labels
import Reporting

/// A label printer that understands ZPL: a device file, or a network printer's raw port.
public struct LabelPrinter: LabelOutput {
    private enum Place {
        case file(String)
        case network(host: String, port: Int)
    }

    let destination: String
    private let place: Place
    let size: LabelSize
    /// Labels are printed one by one.
    public let capacity = 1
    /// For a connection, and again for a label to be taken as a whole.
    static let patience = Duration.seconds(10)

    /// - Parameter destination: `/dev/usb/lp0`, or `tcp://host:9100`, which CUPS writes `socket://host:9100`.
    /// - Throws: `Failure` of kind `usage` when no printer can be there; that it is there is not looked at.
    public init(_ destination: String, size: LabelSize = .standard) throws {
        self.destination = destination
        self.size = size
        place = try Self.place(destination)
    }

    private static func place(_ destination: String) throws -> Place {
        func wrong(_ what: String, _ advice: String = "Write it like tcp://192.0.2.7:9100, or name its device file") -> Failure {
            Failure(.usage, "“\(destination)” \(what)", about: destination, advice: advice)
        }
        guard let found = destination.firstMatch(of: /^([A-Za-z][A-Za-z0-9+.-]*):\/\//) else { return .file(destination) }
        switch found.1.lowercased() {
        case "tcp", "socket": break
        case let scheme:
            throw wrong(
                "is a queue or a service (\(scheme)), and labels are sent to the printer itself, as they are",
                "Give the printer's raw port, tcp://host:9100; or write files with --labels, and print them: lp -o raw")
        }
        guard let url = URLComponents(string: destination), let host = url.host?.trimmingCharacters(in: ["[", "]"]), !host.isEmpty
        else {
            throw wrong("names no printer")
        }
        guard ["", "/"].contains(url.path), url.query == nil, url.user == nil else {
            throw wrong("says more than a printer's name and port")
        }
        // Port 0 is nobody's; a raw port's number is 9100 by custom.
        guard (1...65535).contains(url.port ?? 9100) else { throw wrong("has no port that there can be: they are 1 to 65535") }
        return .network(host: host, port: url.port ?? 9100)
    }

    /// Prints the labels over a connection each; a printer must take all bytes of a label, a network printer acknowledge them too, within 10 s.
    /// - Throws: `Failure` of kind `environment` when it does not: labels before the one that failed may be out.
    public func write(_ labels: [ProvisionedLabel]) throws {
        for label in labels {
            // As a picture: a text of some hundred bytes would fit the buffers of a printer that is stuck, and count as out.
            var bytes = try LabelFormat.dots(label.drawing, size: size)
            defer { wipe(&bytes) }
            let descriptor = try connect()
            defer { close(descriptor) }
            let end = ContinuousClock.now + Self.patience
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
                let code = errno
                if count > 0 {
                    sent += count
                } else if count == 0 || code != EAGAIN && code != EINTR {
                    throw failure(count == 0 ? EIO : code)
                }
                guard sent == bytes.count || Self.wait(for: descriptor, until: end) else { throw failure(ETIMEDOUT) }
            }
            try awaitAcknowledgement(descriptor, until: end)
        }
    }

    /// Waits until the descriptor takes bytes; false when that is not so in time.
    private static func wait(for descriptor: Int32, until end: ContinuousClock.Instant) -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        let left = (end - .now) / .milliseconds(1)
        return left > 0 && poll(&waiting, 1, Int32(left) + 1) != 0
    }

    /// What a network has only queued is not out: the secret is forgotten after this.
    private func awaitAcknowledgement(_ descriptor: Int32, until end: ContinuousClock.Instant) throws {
        var kind = stat()
        guard fstat(descriptor, &kind) == 0, kind.st_mode & S_IFMT == S_IFSOCK else { return }
        repeat {
            var code: Int32 = 0, size = socklen_t(MemoryLayout<Int32>.size)
            // SIOCOUTQ (tcp(7)): bytes that the other end has not acknowledged. One that hung up leaves an error instead.
            var queued: Int32 = 0
            guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0, code == 0,
                ioctl(descriptor, UInt(TIOCOUTQ), &queued) == 0
            else { throw failure(code != 0 ? code : errno) }
            if queued == 0 { return }
            usleep(10_000)
        } while .now < end
        throw failure(ETIMEDOUT)
    }

    private func failure(_ code: Int32) -> Failure {
        Failure(
            .environment, "the label printer \(destination) does not take the label: \(String(cString: strerror(code)))",
            advice: "Check its paper, its cable and its name, then start again: labels that are not out are printed then")
    }

    /// A connection that the caller closes.
    func connect() throws -> Int32 {
        switch place {
        case .file(let path):
            // What nobody reads is not waited for.
            let descriptor = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else { throw failure(errno) }
            return descriptor
        case .network(let host, let port): return try connect(host, port)
        }
    }

    private func connect(_ host: String, _ port: Int) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = Int32(AI_NUMERICSERV)
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &found)
        guard status == 0 else {
            throw Failure(
                .environment, "the label printer's name “\(host)” is not known here: \(String(cString: gai_strerror(status)))",
                about: destination, advice: "Check the name, or give the printer's address itself")
        }
        defer { freeaddrinfo(found) }
        let end = ContinuousClock.now + Self.patience
        var next = found, code = EHOSTUNREACH
        while let address = next?.pointee {
            let kind = address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            let descriptor = socket(address.ai_family, kind, address.ai_protocol)
            if descriptor >= 0 {
                code = Foundation.connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno
                if code == EINPROGRESS { code = Self.result(descriptor, until: end) }
                if code == 0 { return descriptor }
                close(descriptor)
            }
            next = address.ai_next
        }
        throw failure(code)
    }

    /// What became of a connection that was begun: 0, or the error.
    private static func result(_ descriptor: Int32, until end: ContinuousClock.Instant) -> Int32 {
        guard wait(for: descriptor, until: end) else { return ETIMEDOUT }
        var code: Int32 = 0, size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno
    }
}
