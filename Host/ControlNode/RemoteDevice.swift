// The remote form of a driver call: `` try await node.`$`("led").on() ``.

extension RemoteNode {
    /// The node's device called `name`. Whether it exists, the device itself says.
    public func `$`(_ name: String) -> RemoteDevice { RemoteDevice(node: self, name: name) }
}

/// A named device of a light node; its methods are whatever the node's application defines.
@dynamicMemberLookup
public struct RemoteDevice: Sendable {
    public let node: RemoteNode
    public let name: String

    public subscript(dynamicMember method: String) -> RemoteMethod { RemoteMethod(device: self, name: method) }
}

/// A method of a named device, to be called.
public struct RemoteMethod: Sendable {
    public let device: RemoteDevice
    public let name: String

    /// Sends the command; returns the verified receipt of an executed one, and throws `NotDone` with the receipt of any other.
    @discardableResult
    public func callAsFunction(_ arguments: Value...) async throws -> Receipt {
        let receipt = try await device.node.send(Call(device: device.name, method: name, arguments: arguments))
        guard receipt.outcome == .done else { throw NotDone(receipt: receipt) }
        return receipt
    }
}

/// The device took the command, but it did not end well; the receipt is the device's word for it.
public struct NotDone: Error, Sendable, CustomStringConvertible {
    public let receipt: Receipt

    public init(receipt: Receipt) { self.receipt = receipt }

    public var description: String { "\(receipt)\n  \(receipt.outcome.explanation)" }
}
