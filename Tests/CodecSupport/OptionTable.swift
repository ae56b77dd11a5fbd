// The options of CoAP that exist, and what a server and a gateway before it have to make of each in a GET.
import CoAP

/// One option in a GET of a resource that takes no parameter, by the rules of RFC 7252, sections 5.4.1 (critical, elective) and 5.7.1 and
/// 5.7.2 (unsafe, safe to forward).
public struct OptionRow: Sendable, CustomStringConvertible {
    /// As in the registry of CoAP option numbers.
    public let number: UInt16
    /// The option's name there.
    public let name: String
    /// The value, as an unsigned number of no more bytes than it takes.
    public let value: UInt32
    /// What a node answers that has the resource.
    public let node: CoAPCode
    /// What a gateway answers that has the node behind it.
    public let gateway: CoAPCode
    /// True when the node hears of the request.
    public let isPassedOn: Bool

    /// The row in a test's output.
    public var description: String { "\(name) (\(number))" }

    private init(
        _ number: UInt16, _ name: String, _ value: UInt32, _ node: CoAPCode, gateway: CoAPCode? = nil, isPassedOn: Bool = true
    ) {
        (self.number, self.name, self.value, self.node) = (number, name, value, node)
        (self.gateway, self.isPassedOn) = (gateway ?? node, isPassedOn)
    }

    /// Those of RFC 7252, 7641, 7959, 7967, 8613, 8768 and 9175, and numbers that no registry has.
    public static let all: [OptionRow] = [
        OptionRow(1, "If-Match", 0, .badOption),
        OptionRow(3, "Uri-Host", 0x6E, .content),
        OptionRow(4, "ETag", 1, .content),
        OptionRow(5, "If-None-Match", 0, .badOption),
        OptionRow(6, "Observe", 0, .content),
        OptionRow(7, "Uri-Port", 5683, .content),
        OptionRow(8, "Location-Path", 0x78, .content),
        OptionRow(9, "OSCORE", 0, .badOption),
        OptionRow(12, "Content-Format", 18, .content),
        OptionRow(14, "Max-Age", 60, .content),
        OptionRow(16, "Hop-Limit", 16, .content),
        OptionRow(17, "Accept", 60, .content),
        OptionRow(20, "Location-Query", 0x78, .content),
        OptionRow(23, "Block2", 6, .content),
        OptionRow(27, "Block1", 6, .content),
        OptionRow(28, "Size2", 0, .content),
        OptionRow(35, "Proxy-Uri", 0x78, .badOption, gateway: CoAPCode(5, 5), isPassedOn: false),
        OptionRow(39, "Proxy-Scheme", 0x78, .badOption, gateway: CoAPCode(5, 5), isPassedOn: false),
        OptionRow(60, "Size1", 1, .content),
        OptionRow(252, "Echo", 1, .content),
        OptionRow(258, "No-Response", 2, .content, gateway: .badOption, isPassedOn: false),
        OptionRow(292, "Request-Tag", 1, .content),
        OptionRow(65_000, "elective, safe to forward", 1, .content),
        OptionRow(65_001, "critical, safe to forward", 1, .badOption),
        OptionRow(65_002, "elective, unsafe", 1, .content, gateway: .badOption, isPassedOn: false),
        OptionRow(65_003, "critical, unsafe", 1, .badOption, gateway: .badOption, isPassedOn: false),
    ]
}
