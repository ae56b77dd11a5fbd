// The node's resources, by number: docs/protocol.md, "Resources". What is fixed of each is in ResourceTable.swift.

import Bytes
import CoAP
import DeviceModel
import Vocabulary

/// What a request asks for: a number, by which everything about it is looked up.
struct Resource: Equatable {
    let number: UInt8

    static var links: Resource { Resource(number: ResourceTable.links) }
    static var events: Resource { Resource(number: ResourceTable.events) }

    /// From here on the state of the device with this index.
    private static var firstDevice: UInt8 { 64 }

    init(number: UInt8) { self.number = number }
    init(device: UInt8) { number = Resource.firstDevice &+ device }

    /// The device whose state it is.
    var device: UInt8? { number < Resource.firstDevice ? nil : number &- Resource.firstDevice }

    /// The resource that a request's path names. Messages come first, as commands are what must be answered soon.
    @inline(never)
    init(_ request: borrowing CoAPMessage) throws(Problem) {
        for number in 0..<ResourceTable.count where request.hasPath(Resource(number: number).path.bytes) {
            self.number = number
            return
        }
        throw Problem(.notFound)
    }

    /// The type of the signed message that it takes.
    var message: MessageType? {
        number < ResourceTable.messageCount ? MessageType(rawValue: number) : nil
    }

    var path: FlashText {
        @inline(never) get {
            if let message { return message.name }
            let paths = ResourceTable.paths
            return paths.part(Int(number &- ResourceTable.messageCount), of: UInt8(ascii: " ")) ?? paths
        }
    }

    var method: CoAPCode { ResourceTable.method(number) }
    /// Content-Format of the answer.
    var format: UInt16 { @inline(never) get { ResourceTable.format(number) } }
    /// Content-Format of the request's payload; nil when it has none.
    var requestFormat: UInt16? { ResourceTable.requestFormat(number) }
    /// Code of a good answer.
    var success: CoAPCode { ResourceTable.success(number) }
    /// True when a client may ask to be told of every change (RFC 7641).
    var isObservable: Bool { ResourceTable.isObservable(number) }
}

/// Why a request is not answered as it was meant: the code of a refusal, the executor's or the server's own.
struct Problem: Error {
    let code: UInt8

    init(_ refusal: Refusal) { code = refusal.rawValue }
    init(_ refusal: TransportRefusal) { code = refusal.rawValue }
}
