// The remote form of a driver call: `` try await node.`$`("led").on() ``.
import Foundation
import NodeProtocol
import Reporting

extension RemoteNode {
    /// The node's device called `name`. Whether it exists, the device itself says.
    public func `$`(_ name: String) -> RemoteDevice { RemoteDevice(node: self, name: name) }
}

/// A named device of a light node; its methods are whatever the node's application defines.
@dynamicMemberLookup
public struct RemoteDevice: Sendable {
    /// The node that calls go to.
    public let node: RemoteNode
    /// As a call names it; whether the node has it, the node says.
    public let name: String

    /// The method of that name, which nothing checks here: an unknown one is answered by the node.
    public subscript(dynamicMember method: String) -> RemoteMethod { RemoteMethod(device: self, name: method) }
}

extension RemoteDevice {
    /// The device's state: as it is now, then each time that it changes. Nil when the device does not know it.
    ///
    ///     for try await temperature in try await node.`$`("thermometer").states() { … }
    ///
    /// States are not signed: good for showing and for deciding what to command, no evidence of anything.
    /// - Throws: `Failure`, of kind `malformedAnswer` when the node does not let the device be observed. Iteration throws a
    ///   `Failure` when the connection breaks.
    public func states() async throws -> AsyncThrowingStream<Value?, any Error> {
        let (stream, continuation) = AsyncThrowingStream<Value?, any Error>.makeStream(bufferingPolicy: .bufferingNewest(64))
        let observation = try await node.client.observe("devices/\(name)")
        let task = Task {
            do {
                for try await answer in observation {
                    guard let item = try? CBORItem(answer.payload) else {
                        throw node.probe.malformed("state of \(name)", "that cannot be read")
                    }
                    continuation.yield(item.value)
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }
}

/// A method of a named device, to be called.
public struct RemoteMethod: Sendable {
    /// The device that the method belongs to.
    public let device: RemoteDevice
    /// As a call names it.
    public let name: String

    /// Sends the command; returns the verified receipt of an executed one, and throws `NotDone` with the receipt of any other.
    @discardableResult
    public func callAsFunction(_ arguments: Value...) async throws -> Receipt {
        try await device.node.perform(Call(device: device.name, method: name, arguments: arguments))
    }
}

/// The node took the command, but it did not end well; the receipt is the node's word for it.
public struct NotDone: Error, Sendable {
    /// What the node signed: its outcome is any other than `done`.
    public let receipt: Receipt
    /// What there is instead of a device or method that does not exist.
    public let available: [String]

    /// - Parameter available: names as a call has them, for people; empty when they are not what was wrong.
    public init(receipt: Receipt, available: [String] = []) {
        self.receipt = receipt
        self.available = available
    }

    /// What to do next.
    public var advice: String {
        if let expected = receipt.expected, receipt.outcome == .outOfRange || receipt.outcome == .badArgument {
            return expected.description.prefix(1).uppercased() + expected.description.dropFirst()
        }
        if available.isEmpty { return receipt.outcome.explanation }
        return "There \(available.count == 1 ? "is" : "are") \(available.joined(separator: ", "))"
    }
}

extension NotDone: CustomStringConvertible {
    public var description: String { "\(receipt)\n  \(advice)" }
}

extension RemoteNode {
    /// Holds a call against the devices that the node says to have, before anything is signed. They are not signed: they can refuse a call, and
    /// change nothing of it. Where the node does not tell them, the call passes.
    /// - Throws: `CallMisfit` when the node would not carry it out; `Failure` of kind `unreachable` when it does not answer.
    public func check(_ call: WrittenCall) async throws {
        let devices: [DeviceDescription]
        do { devices = try await self.devices() } catch let failure as Failure where failure.kind == .unreachable {
            throw failure
        } catch { return }
        try call.check(against: devices)
    }

    /// As `check` of a call, for what a grant is to allow.
    public func check(_ permission: Grant.Permission) async throws {
        let devices: [DeviceDescription]
        do { devices = try await self.devices() } catch let failure as Failure where failure.kind == .unreachable {
            throw failure
        } catch { return }
        func unknown(_ name: String, _ what: String, _ names: [String]) -> Failure {
            let near = Spelling.nearest(to: name, among: names).map { "did you mean “\($0)”?" }
            return Failure(
                .usage, "nothing was signed: the \(what) “\(name)”" + (near.map { ": \($0)" } ?? ""), about: name,
                remedy: .inOrder([.advice("There are \(names.joined(separator: ", "))"), .listDevices]))
        }
        guard let device = devices.first(where: { $0.name == permission.device }) else {
            throw unknown(permission.device, "node has no device", devices.map(\.name))
        }
        let methods = device.methods.map(\.name)
        for method in permission.methods where !methods.contains(method) {
            throw unknown(method, "device “\(device.name)” has no method", methods)
        }
    }

    /// Why `receipt`, the answer to `call`, is no success, with the names that would have been right.
    func notDone(_ receipt: Receipt, _ call: Call) async -> NotDone {
        let devices = (try? await devices()) ?? []
        let available: [String] =
            switch receipt.outcome {
            case .noSuchDevice: devices.map { "$(\(CallText.quoted($0.name)))" }
            case .noSuchMethod, .badArgument: devices.first { $0.name == call.device }?.methods.map { ".\($0)" } ?? []
            default: []
            }
        return NotDone(receipt: receipt, available: available)
    }

    /// As `send`, but throws `NotDone` unless the receipt says that it was done.
    @discardableResult
    public func perform(
        _ call: Call, as type: MessageType = .command, fresh: Bool = false, expires: Date? = nil
    ) async throws -> Receipt {
        let receipt = try await send(call, as: type, fresh: fresh, expires: expires)
        guard receipt.outcome == .done else { throw await notDone(receipt, call) }
        return receipt
    }
}
