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
    /// Changes of state on the way to dfuIDLE, each by a request that is answered at once: more than the specification has states.
    static let stepLimit = 100
    /// Milliseconds between two looks at the cancellation while the device is given its time.
    static let slice = 50

    let transport: any DFUTransport
    let name: String
    let cancellation: Cancellation
    /// It has left the bus in the middle of a request.
    private(set) var hasLeft = false
    /// It was idle once: what it reports from then on is of this session, not left behind by an earlier one.
    private var hasBeenIdle = false

    init(_ transport: any DFUTransport, name: String, cancellation: Cancellation) {
        self.transport = transport
        self.name = name
        self.cancellation = cancellation
    }

    // MARK: Time

    /// What an operation may still take. What a device asks for is granted only within it.
    private struct Patience {
        /// Milliseconds that were waited; a model's time passes only so.
        var waited = 0
        let began = ContinuousClock.now

        var left: Int {
            let passed = ContinuousClock.now - began
            return DFUClient.operationLimit - max(waited, Int(clamping: passed.components.seconds * 1000))
        }
    }

    /// Gives the device the time that it asks for, at least 1 ms so that it is not asked without a pause, and at most what is left.
    /// - Throws: `Interrupted` soon after the cancellation, `PartFault` when the operation takes too long.
    private func grant(_ milliseconds: Int, _ patience: inout Patience, _ doing: String) throws {
        guard patience.left > 0 else { throw busy(doing) }
        var wanted = min(max(milliseconds, 1), patience.left)
        while wanted > 0 {
            if cancellation.isCancelled { throw Interrupted() }
            let now = min(wanted, Self.slice)
            transport.wait(now)
            patience.waited += now
            wanted -= now
        }
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
        var patience = Patience(), steps = 0
        while steps < Self.stepLimit {
            do {
                let status = try status(while: doing)
                switch status.state {
                case .idle:
                    hasBeenIdle = true
                    return
                case .error:
                    steps += 1
                    try attempt(doing) { try clear() }
                case .downloadBusy, .manifest, .manifestSync:
                    try grant(status.pollTimeout, &patience, doing)
                case .downloadSync, .downloadIdle, .uploadIdle:
                    steps += 1
                    try attempt(doing) {
                        try transport.send(DFURequest.abort.rawValue, value: 0, [], timeout: Self.transferTimeout)
                    }
                case .appIdle, .appDetach, .manifestWaitReset:
                    throw unexpected(status.state, due: .idle, doing)
                }
            } catch is LeftBehind {
                // An earlier session's error may refuse one request more; it is no word about this session.
                steps += 10
                try? clear()
            }
        }
        throw PartFault(
            .malformedAnswer, "\(name) does not become idle, \(doing)", advice: "Unplug it and plug it in again")
    }

    private func clear() throws {
        try transport.send(DFURequest.clearStatus.rawValue, value: 0, [], timeout: Self.transferTimeout)
    }

    /// A stall of a device that has not been idle yet.
    private struct LeftBehind: Error {}

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
        var patience = Patience()
        while true {
            let status = try status(while: doing)
            switch status.state {
            case .downloadIdle: return
            case .downloadBusy, .downloadSync:
                try grant(status.pollTimeout, &patience, doing)
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
            case .stalled where !hasBeenIdle: throw LeftBehind()
            case .stalled:
                let bytes = try? transport.receive(
                    DFURequest.getStatus.rawValue, value: 0, length: 6, timeout: Self.transferTimeout)
                if let status = bytes.flatMap({ DFUStatus($0) }), status.state == .error { throw refused(status.code, doing) }
                throw PartFault(
                    .malformedAnswer, "\(name) refused a request (stall), \(doing)", advice: "Unplug it and plug it in again")
            default:
                if fault == .disconnected { hasLeft = true }
                throw PartFault(fault, name: name, doing)
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
            isDeparture = true
        case .timedOut:
            self.init(.unreachable, "\(name) does not answer, \(doing)", advice: "Unplug it and plug it in again")
        case .stalled:
            self.init(
                .malformedAnswer, "\(name) refused a request (stall), \(doing)", advice: "Unplug it and plug it in again")
        case .denied(let path):
            self.init(
                .environment, "this user may not use \(name) (\(path))",
                remedy: .permitUSB
            )
        case .busy:
            self.init(
                .unreachable, "another program uses \(name)",
                advice: "Wait until it is done, and leave the device plugged in: it may be writing it")
        case .other(let text):
            self.init(
                .unreachable, "USB failed with \(text) at \(name), \(doing)",
                advice: "Try it once more; if it stays so, unplug it and plug it in again")
        }
    }
}
