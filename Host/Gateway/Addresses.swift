// Which addresses have shown that they receive what is sent to them (RFC 9175), and how much may be sent to those that have not.
import CoAP
import Foundation
import Transport

/// Addresses of clients. A sender can put another's address on its requests; answers then go to that other, who asked for nothing. So an
/// address that has not shown that it gets our answers is sent at most three times what was received from it (RFC 9175, section 2.4).
struct Addresses {
    /// An answer to an address that has shown nothing may be so many times as long as its request.
    static let factor = 3
    private struct Entry {
        /// Random bytes that only who receives our answers can know.
        let echo: [UInt8]
        var isVerified = false
        var at: ContinuousClock.Instant
    }
    private var known: [String: Entry] = [:]
    private static let capacity = 4096
    /// After so long without a request an address is forgotten: another may have it then.
    private static let lifetime = Duration.seconds(3600)

    /// Notes a request from `host`. An Echo option that repeats ours verifies it; none is ever demanded.
    /// - Returns: true if `host` is verified; else the Echo that it may repeat is `echo(host)`.
    mutating func note(_ request: Message, _ host: String, at now: ContinuousClock.Instant = .now) -> Bool {
        var entry = known[host] ?? Entry(echo: (0..<8).map { _ in .random(in: 0 ... .max) }, at: now)
        if now - entry.at > Self.lifetime { entry = Entry(echo: (0..<8).map { _ in .random(in: 0 ... .max) }, at: now) }
        if known[host] == nil, known.count >= Self.capacity {
            known = known.filter { now - $0.value.at <= Self.lifetime }
            let strangers = known.filter { !$0.value.isVerified }
            let oldest = (strangers.isEmpty ? known : strangers).min { $0.value.at < $1.value.at }
            if known.count >= Self.capacity, let oldest { known[oldest.key] = nil }
        }
        if request.all(CoAPOptionNumber.echo).contains(where: { $0.value == entry.echo }) { entry.isVerified = true }
        entry.at = now
        known[host] = entry
        return entry.isVerified
    }

    func echo(_ host: String) -> [UInt8]? { known[host]?.echo }
}

extension SocketAddress {
    /// Whom a ration belongs to: an IPv4 address, or the 64 bits of an IPv6 prefix, as one customer has all addresses below it. On a link
    /// (fe80::/10) all neighbours share a prefix, so there the address itself counts.
    var share: String {
        let host = host
        let plain = String(host.prefix { $0 != "%" })
        var bytes = [UInt8](repeating: 0, count: 16)
        guard plain.contains(":"), inet_pton(AF_INET6, plain, &bytes) == 1 else { return host }
        if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
            return bytes[12...].map(String.init).joined(separator: ".")
        }
        if bytes[0] == 0xfe, bytes[1] & 0xc0 == 0x80 { return host }
        return bytes[..<8].map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + "/64"
    }
}
