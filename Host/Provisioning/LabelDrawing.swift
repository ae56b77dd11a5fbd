// What is printed and stuck on the box.
import ControlNode

/// A label as it is shown and printed: QR code, with the device's address in readable form beside it.
public struct LabelDrawing: Sendable {
    public let label: ClaimLabel
    /// Provisioned with test keys: the label says so.
    public let isTest: Bool

    public init(_ label: ClaimLabel, isTest: Bool = false) {
        self.label = label
        self.isTest = isTest
    }

    /// The address in groups of four characters, which people compare without losing their place.
    public var readableAddress: String {
        let characters = Array(label.address.description)
        return stride(from: 0, to: characters.count, by: 4).map { String(characters[$0..<min($0 + 4, characters.count)]) }
            .joined(separator: " ")
    }

    public func terminalText() throws -> String {
        let marks = isTest ? "TEST — not for sale\n" : ""
        return "\(try QRCode(label.text).terminalText)\n\(marks)\(label.text)"
    }

    public func svg() throws -> String {
        let groups = readableAddress.split(separator: " ").map(String.init)
        let half = (groups.count + 1) / 2
        var caption = [groups[..<half].joined(separator: " "), groups[half...].joined(separator: " ")]
        if isTest { caption.append("TEST - not for sale") }
        return try QRCode(label.text).svg(caption: caption)
    }
}
