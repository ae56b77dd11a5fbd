// The USB cable of an emulated board: packets of the virtual host controller as frames over the board's spare UART. The frames are
// described in Firmware/MCU/MPS2/VirtualUSB.swift.
import Foundation
import Reporting
import VirtualUSB

/// The board's end of the cable. It is at home in `VirtualHostController`; the emulator connects it whenever the board is on.
public final class BoardCable: VirtualUSBDevice, @unchecked Sendable {
    private typealias Kind = USBFrame.Kind

    private let condition = NSCondition()
    private var descriptor: Int32 = -1
    private var answer: DeviceAnswer?
    private var awaitsAnswer = false
    private var report: (@Sendable (DeviceEvent) -> Void)?
    private var found: [String] = []
    /// The chip was reset: what comes until it says SYNCED is of no use.
    private var isSyncing = false
    /// What the last frame was complained of. It is taken back when a reset of the chip has cut that frame off.
    private var doubt: String?
    /// Seconds for a packet's answer. Emulated processors may stand still for a while; real ones may not.
    private let patience: Double

    /// A cable that no board is at yet.
    /// - Parameter patience: seconds for the answer to a packet; after it the board's socket is hung up, as a late answer would
    ///   be taken for another packet's.
    public init(patience: Double = 30) { self.patience = patience }

    /// What the board said that is no frame, or no answer that was due.
    public var complaints: [String] { condition.withLock { found + (doubt.map { [$0] } ?? []) } }

    // MARK: The wire

    /// Connects to the UART's socket and asks the board whether it shows itself.
    func connect(path: String) throws {
        let handle = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let connected = try withUnixAddress(path) { Foundation.connect(handle, $0, $1) }
        guard connected == 0 else {
            let reason = systemError()
            close(handle)
            throw Failure(
                .environment, "the board's USB socket \(path) takes no connection: \(reason)", advice: "Start the board again")
        }
        let isPlugged = condition.withLock { () -> Bool in
            descriptor = handle
            isSyncing = false
            return report != nil
        }
        let thread = Thread { [weak self] in
            Self.read(handle) { self?.receive($0, $1, $2) }
            self?.ended(handle)
            close(handle)
        }
        thread.name = "board-usb"
        thread.start()
        if isPlugged { send(.hello) }
    }

    private static func read(_ handle: Int32, _ frame: (UInt8, UInt8, [UInt8]) -> Void) {
        var buffer: [UInt8] = []
        while let bytes = received(from: handle) {
            buffer += bytes
            while let next = USBFrame.next(in: &buffer) {
                switch next {
                case .whole(let kind, let endpoint, let data): frame(kind, endpoint, data)
                case .cutOff: frame(0, 0, [])
                case .tooLong: return frame(0, 0, Array(buffer.prefix(4)))
                }
            }
        }
    }

    private func receive(_ code: UInt8, _ endpoint: UInt8, _ data: [UInt8]) {
        let event: DeviceEvent? = condition.withLock {
            let message = BoardMessage(code, endpoint, data)
            if Kind(rawValue: code) != .started, let doubt { found.append(doubt) }
            doubt = nil
            switch message {
            case .started: return started()
            case .synced(let isShown):
                isSyncing = false
                condition.broadcast()
                return .connected(isShown)
            case _ where isSyncing: return nil
            case .answer(let answer): return deliver(answer)
            case .event(let event): return event
            case nil: return complain(code, data)
            }
        }
        if let event { condition.withLock { report }?(event) }
    }

    /// What is under way is never answered, and a frame that the chip had half of is filled up.
    private func started() -> DeviceEvent {
        isSyncing = true
        if awaitsAnswer, answer == nil {
            answer = .silence
            condition.broadcast()
        }
        transmit([UInt8](repeating: 0, count: USBFrame.overhead + USBFrame.longest))
        transmit(.sync)
        return .connected(false)
    }

    private func deliver(_ answer: DeviceAnswer) -> DeviceEvent? {
        guard awaitsAnswer, self.answer == nil else {
            doubt = "an answer came that nobody had asked for: \(answer)"
            return nil
        }
        self.answer = answer
        condition.broadcast()
        return nil
    }

    private func complain(_ code: UInt8, _ data: [UInt8]) -> DeviceEvent? {
        doubt = "a frame of kind \(code) with \(data.count) bytes is none that a board sends"
        return nil
    }

    /// The board is off, or its emulator ended.
    private func ended(_ handle: Int32) {
        let report = condition.withLock { () -> (@Sendable (DeviceEvent) -> Void)? in
            guard descriptor == handle else { return nil }
            descriptor = -1
            condition.broadcast()
            return self.report
        }
        report?(.connected(false))
    }

    /// Hangs up: the board is about to be turned off.
    func hangUp() { condition.withLock { if descriptor >= 0 { shutdown(descriptor, Int32(SHUT_RDWR)) } } }

    deinit { hangUp() }

    private func send(_ kind: Kind, _ endpoint: UInt8 = 0, _ data: [UInt8] = []) {
        condition.withLock { transmit(kind, endpoint, data) }
    }

    // Both while `condition` is locked, so that what is sent before SYNC and after it is told apart.
    private func transmit(_ kind: Kind, _ endpoint: UInt8 = 0, _ data: [UInt8] = []) {
        transmit(USBFrame.encoded(kind, endpoint, data))
    }

    private func transmit(_ bytes: [UInt8]) {
        if descriptor >= 0 { _ = LineSocket.send(bytes, to: descriptor) }
    }

    private func ask(_ kind: Kind, _ endpoint: UInt8 = 0, _ data: [UInt8] = []) -> DeviceAnswer {
        let limit = Date().addingTimeInterval(patience)
        return condition.withLock {
            // Not before the host has been told that the device is gone: it is not to be blamed for its silence.
            guard !isSyncing else {
                while isSyncing, descriptor >= 0, condition.wait(until: limit) {}
                return .silence
            }
            awaitsAnswer = true
            transmit(kind, endpoint, data)
            defer {
                awaitsAnswer = false
                answer = nil
            }
            while answer == nil, descriptor >= 0 {
                guard condition.wait(until: limit) else {
                    found.append("no answer to a packet within \(patience) s")
                    // A late answer would be taken for another packet's.
                    shutdown(descriptor, Int32(SHUT_RDWR))
                    return .silence
                }
            }
            return answer ?? .silence
        }
    }

    // MARK: VirtualUSBDevice

    /// Asks a board that is on for its pull-up; one that is off counts as not connected.
    public func attach(_ report: @escaping @Sendable (DeviceEvent) -> Void) {
        let isOn = condition.withLock { () -> Bool in
            self.report = report
            return descriptor >= 0
        }
        if isOn { send(.hello) } else { report(.connected(false)) }
    }

    /// Tells the board, if it is on, that the power of the cable is gone.
    public func detach() {
        condition.withLock { report = nil }
        send(.detached)
    }

    public func reset() { send(.reset) }
    public func suspend() { send(.suspend) }
    public func resume() { send(.resume) }
    public func handleSetup(_ packet: [UInt8]) -> DeviceAnswer { ask(.setup, 0, packet) }
    public func handleOut(endpoint: UInt8, toggle: UInt8, data: [UInt8]) -> DeviceAnswer { ask(.out, endpoint, [toggle] + data) }
    public func handleIn(endpoint: UInt8) -> DeviceAnswer { ask(.in, endpoint) }
    public func handleAck(endpoint: UInt8) { send(.acknowledge, endpoint) }
}
