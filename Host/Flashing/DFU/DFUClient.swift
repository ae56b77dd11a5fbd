// A conversation with a device in DFU mode: requests, states, waiting as long as the device asks, and words for what went wrong.
import Foundation
import Reporting

/// DFU 1.1 with ST's commands (AN3156: "USB DFU protocol used in the STM32 bootloader").
final class DFUClient {
    /// First byte of a block 0 (AN3156, section 5).
    enum Command: UInt8 {
        case setAddressPointer = 0x21
        case erase = 0x41
    }

    /// Milliseconds for a transfer. While it erases or programs, a bootloader may answer nothing: a 128 KB sector takes up to 4 s.
    static let transferTimeout = 10_000
    /// Milliseconds that an operation may take in all, a mass erase included (STM32F411 data sheet, DS10314 Rev 8, table 45: 16 s at
    /// most).
    static let operationLimit = 60_000
    /// GETSTATUS in a row that may ask for no wait at all, so that a device that is stuck is given up.
    static let idlePolls = 500

    let transport: any DFUTransport
    let name: String

    init(_ transport: any DFUTransport, name: String) {
        self.transport = transport
        self.name = name
    }

    // MARK: Requests

    func status(while doing: String) throws -> DFUStatus {
        let bytes = try attempt(doing) {
            try transport.receive(DFURequest.getStatus.rawValue, value: 0, length: 6, timeout: Self.transferTimeout)
        }
        guard let status = DFUStatus(bytes) else {
            throw PartFault(
                .malformedAnswer, "\(name) answered a status of \(bytes.count) bytes that DFU does not know, \(doing)",
                advice: "Unplug it and plug it in again")
        }
        return status
    }

    /// Brings the device to dfuIDLE from wherever it is.
    func becomeIdle(while doing: String) throws {
        var waited = 0
        for _ in 0..<Self.idlePolls {
            let status = try status(while: doing)
            switch status.state {
            case .idle: return
            case .error:
                try attempt(doing) {
                    try transport.send(DFURequest.clearStatus.rawValue, value: 0, [], timeout: Self.transferTimeout)
                }
            case .downloadBusy, .manifest, .manifestSync:
                transport.wait(max(status.pollTimeout, 1))
                waited += max(status.pollTimeout, 1)
                guard waited <= Self.operationLimit else { throw busy(doing) }
            case .downloadSync, .downloadIdle, .uploadIdle:
                try attempt(doing) {
                    try transport.send(DFURequest.abort.rawValue, value: 0, [], timeout: Self.transferTimeout)
                }
            case .appIdle, .appDetach, .manifestWaitReset:
                throw unexpected(status.state, due: .idle, doing)
            }
        }
        throw PartFault(
            .malformedAnswer, "\(name) does not become idle, \(doing)", advice: "Unplug it and plug it in again")
    }

    /// A block 0: a command with its address.
    func command(_ command: Command, address: UInt64, while doing: String) throws {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: address >> (8 * UInt64($0))) }
        try download(block: 0, [command.rawValue] + bytes, while: doing)
    }

    /// Sends a block and waits until the device has done with it.
    func download(block: UInt16, _ data: [UInt8], while doing: String) throws {
        try attempt(doing) {
            try transport.send(DFURequest.download.rawValue, value: block, data, timeout: Self.transferTimeout)
        }
        var waited = 0, polls = 0
        while true {
            let status = try status(while: doing)
            switch status.state {
            case .downloadIdle: return
            case .downloadBusy, .downloadSync:
                transport.wait(status.pollTimeout)
                waited += status.pollTimeout
                polls += 1
                guard waited <= Self.operationLimit, polls <= Self.idlePolls || status.pollTimeout > 0 else {
                    throw busy(doing)
                }
            case .error: throw refused(status.code, doing)
            default: throw unexpected(status.state, due: .downloadIdle, doing)
            }
        }
    }

    /// Reads a block.
    func upload(block: UInt16, length: Int, while doing: String) throws -> Data {
        let bytes: [UInt8] = try attempt(doing) {
            try transport.receive(DFURequest.upload.rawValue, value: block, length: length, timeout: Self.transferTimeout)
        }
        guard bytes.count == length else {
            // A device that answers short has a reason, and its status tells it.
            let status = try status(while: doing)
            guard status.state != .error else { throw refused(status.code, doing) }
            throw PartFault(
                .malformedAnswer, "\(name) sent \(bytes.count) of \(length) bytes, \(doing)",
                advice: "Unplug it and plug it in again")
        }
        return Data(bytes)
    }

    // MARK: Failures

    /// Turns what USB says into what happened; a stall is explained by the device's status.
    @discardableResult
    func attempt<R>(_ doing: String, _ body: () throws -> R) throws -> R {
        do { return try body() } catch let fault as USBFault {
            switch fault {
            case .stalled:
                let bytes = try? transport.receive(
                    DFURequest.getStatus.rawValue, value: 0, length: 6, timeout: Self.transferTimeout)
                if let status = bytes.flatMap({ DFUStatus($0) }), status.state == .error { throw refused(status.code, doing) }
                throw PartFault(
                    .malformedAnswer, "\(name) refused a request (stall), \(doing)", advice: "Unplug it and plug it in again")
            default: throw PartFault(fault, name: name, doing)
            }
        }
    }

    func refused(_ code: DFUStatusCode, _ doing: String) -> PartFault {
        if code == .errVENDOR {
            return PartFault(
                .environment, "\(name) is read-protected: it neither reads nor writes its flash (\(code)), \(doing)",
                advice: "Remove the protection with ST's tools; that erases the whole chip, the keys too")
        }
        return PartFault(
            .malformedAnswer, "\(name) reports \(code), \(doing)",
            advice: "Unplug it, plug it in with BOOT0 high, and flash it again")
    }

    private func busy(_ doing: String) -> PartFault {
        PartFault(.unreachable, "\(name) is busy without end, \(doing)", advice: "Unplug it and plug it in again")
    }

    private func unexpected(_ state: DFUState, due: DFUState, _ doing: String) -> PartFault {
        PartFault(
            .malformedAnswer, "\(name) is in state \(state) where \(due) is due, \(doing)",
            advice: "Unplug it and plug it in again")
    }
}

extension PartFault {
    init(_ fault: USBFault, name: String, _ doing: String) {
        switch fault {
        case .disconnected:
            self.init(.unreachable, "\(name) was unplugged, \(doing)", advice: "Plug it in again")
        case .timedOut:
            self.init(.unreachable, "\(name) does not answer, \(doing)", advice: "Unplug it and plug it in again")
        case .stalled:
            self.init(
                .malformedAnswer, "\(name) refused a request (stall), \(doing)", advice: "Unplug it and plug it in again")
        case .denied(let path):
            self.init(
                .environment, "this user may not use \(name) (\(path))",
                advice: Failure.adviceToPermitUSB
            )
        case .other(let text):
            self.init(.unreachable, "USB failed with \(text) at \(name), \(doing)", advice: "Unplug it and plug it in again")
        }
    }
}
