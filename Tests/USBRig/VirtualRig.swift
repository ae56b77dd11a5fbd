// The virtual controller of mps2-an386 on a wire of bytes in memory, and a peer that speaks its frames.

import HAL
import MPS2
import USBDevice

/// Both directions of the wire. The device's half takes up to `capacity` bytes.
public struct MemoryLine: VirtualUSBLine, ~Copyable {
    public var toDevice: [UInt8] = []
    public var toHost: [UInt8] = []
    public var capacity = 1024

    public init() {}
    public mutating func readByte() -> UInt8? { toDevice.isEmpty ? nil : toDevice.removeFirst() }
    public mutating func writeByte(_ byte: UInt8) { toHost.append(byte) }
    public var room: Int { max(0, capacity - toHost.count) }
}

public final class VirtualRig: SimulatedBus {
    public var usb = USBDevice(VirtualUSB(MemoryLine()), NodeFunctions())
    public private(set) var isConnected = false
    public private(set) var wakeups = 0
    /// Endpoints that told they are ready after a NAK.
    public private(set) var ready: [UInt8] = []
    public private(set) var violations: [String] = []

    public init() {
        usb.functions.identify(board: "test-board", version: (1, 2, 3))
    }

    /// Sends one frame and returns the answers to it, after taking out what comes unasked.
    public func exchange(_ kind: UInt8, _ endpoint: UInt8 = 0, _ data: [UInt8] = []) -> [(
        kind: UInt8, endpoint: UInt8, data: [UInt8]
    )] {
        usb.controller.line.toDevice += [kind, endpoint, UInt8(data.count & 0xFF), UInt8(data.count >> 8)] + data + [0xA5]
        return step()
    }

    /// The device's interrupt.
    @discardableResult
    public func step() -> [(kind: UInt8, endpoint: UInt8, data: [UInt8])] {
        usb.service()
        var bytes = usb.controller.line.toHost[...]
        usb.controller.line.toHost = []
        var answers: [(kind: UInt8, endpoint: UInt8, data: [UInt8])] = []
        while bytes.count >= 5 {
            let head = Array(bytes.prefix(4))
            let length = Int(head[2]) | Int(head[3]) << 8
            let data = Array(bytes.dropFirst(4).prefix(length))
            if data.count < length { violations.append("a frame lacks bytes") }
            bytes = bytes.dropFirst(4 + length)
            if bytes.popFirst() != 0xA5 { violations.append("a frame without its end") }
            switch head[0] {
            case 0x83: ready.append(head[1])
            case 0x84: isConnected = data == [1]
            case 0x85: wakeups += 1
            case 0x81, 0x82: answers.append((head[0], head[1], data))
            default: violations.append("a frame of kind \(head[0])")
            }
        }
        if !bytes.isEmpty { violations.append("bytes that are no frame") }
        return answers
    }

    private func token(_ kind: UInt8, _ endpoint: UInt8, _ data: [UInt8] = []) -> InAnswer {
        let answers = exchange(kind, endpoint, data)
        guard answers.count == 1, answers[0].endpoint == endpoint, !answers[0].data.isEmpty else {
            violations.append("\(answers.count) answers to one token")
            return .handshake(.none)
        }
        if answers[0].kind == 0x81 { return .data(toggle: answers[0].data[0], Array(answers[0].data.dropFirst())) }
        switch answers[0].data[0] {
        case 0x02: return .handshake(.ack)
        case 0x0A: return .handshake(.nak)
        case 0x0E: return .handshake(.stall)
        default: return .handshake(.none)
        }
    }

    private func silent(_ kind: UInt8, _ endpoint: UInt8 = 0) {
        if !exchange(kind, endpoint).isEmpty { violations.append("an answer to what has none") }
    }

    public func reset() { silent(0x01) }
    public func suspend() { silent(0x06) }
    public func resume() { silent(0x07) }
    public func unplug() { silent(0x09) }

    public func setup(_ bytes: [UInt8]) -> Handshake { handshake(token(0x02, 0, bytes)) }
    public func out(_ endpoint: UInt8, toggle: UInt8, _ bytes: [UInt8]) -> Handshake {
        handshake(token(0x03, endpoint, [toggle] + bytes))
    }
    private func handshake(_ answer: InAnswer) -> Handshake {
        if case .handshake(let handshake) = answer { return handshake }
        violations.append("data in answer to data")
        return .none
    }
    public func `in`(_ endpoint: UInt8, acknowledges: Bool) -> InAnswer {
        let answer = token(0x04, endpoint)
        if case .data = answer, acknowledges { silent(0x05, endpoint) }
        return answer
    }
    public var address: UInt8 { usb.controller.address }

    public func withPipe<Result>(_ body: (inout USBPipe) -> Result) -> Result { body(&usb.functions.pipe) }
    public func settle() { step() }
    public var state: String { "\(usb.state)" }
    public var isSuspended: Bool { usb.isSuspended }
}
