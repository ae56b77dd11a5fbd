// A USB cable to a board whose controller is a byte stream: a host that configures the device, and a plug that can be pulled.
import Foundation
import Reporting
import VirtualUSB

/// A script of VirtualUSB's requests at the far end of the virtual USB of `mps2-an386`. The host of `BoardCable` lives by the computer's time;
/// here the processor stands still while bytes are moved (`run(untilInstruction:)`), so that the same run gets the same frames at the same
/// instructions. It does what a test of firmware needs, no more: bus reset, address, first configuration, and IN packets of the data
/// endpoint taken.
public final class USBCable {
    private enum Step: Equatable {
        case reset
        case setup(SetupPacket)
        /// The status stage of a request without data.
        case status
        case poll
    }

    private let board: EmulatedBoard
    private let line: LineSocket
    private let state: UInt64
    private var toBoard: [UInt8] = []
    private var fromBoard: [UInt8] = []
    private var script: [Step] = []
    private var awaited: Step?
    private var isPlugged = false, isShown = false
    /// Whether the host has configured the device.
    public private(set) var isConfigured = false

    /// UART1 of the board is the wire; QEMU must have its second serial line at the socket `path`.
    /// - Throws: `Failure` when the board has no USB in the emulator, or the socket takes no connection.
    public init(_ board: EmulatedBoard, path: String) throws {
        guard let register = board.board.emulator?.usbState else {
            throw Failure(
                .environment, "\(board.board.name) has no USB in the emulator", about: "\(board.board.name)",
                advice: "Use a board that has: mps2-an386")
        }
        self.board = board
        state = register.value
        line = try LineSocket(path: path, timeout: 5) { board.isRunning }
        for _ in 0..<2 { _ = try board.readRegister(state) }
    }

    /// QEMU's arguments that put the wire at a socket.
    public static func arguments(path: String) -> [String] {
        ["-chardev", "socket,id=usb,path=\(path.qemuEscaped),server=on,wait=off", "-serial", "chardev:usb"]
    }

    /// Plugs it in: the device is asked whether it shows itself.
    public func plug() {
        isPlugged = true
        send(.hello)
    }

    /// Pulls it out: whatever was under way is lost.
    public func unplug() {
        isPlugged = false
        isConfigured = false
        isShown = false
        (script, awaited) = ([], nil)
        send(.detached)
    }

    /// Moves what has arrived and one byte to the board, if its receiver is free. Call once per time of a byte.
    /// - Throws: `Failure` when the board is off, or closes the line.
    public func move() throws {
        if let arrived = try? line.receive(timeout: 0) { fromBoard += arrived }
        while let frame = USBFrame.next(in: &fromBoard) {
            switch frame {
            case .whole(let kind, let endpoint, let data): BoardMessage(kind, endpoint, data).map(hear)
            case .cutOff: break
            case .tooLong: fromBoard.removeFirst()
            }
        }
        // Bit 1 of STATE: the receiver is full (CMSDK 4.3).
        guard !toBoard.isEmpty, try board.readRegister(state) & 2 == 0 else { return }
        try line.send([toBoard.removeFirst()])
        for _ in 0..<2 { _ = try board.readRegister(state) }
    }

    private func send(_ kind: USBFrame.Kind, _ endpoint: UInt8 = 0, _ data: [UInt8] = []) {
        toBoard += USBFrame.encoded(kind, endpoint, data)
    }

    /// The IN endpoints of requests and of data.
    private static let control: UInt8 = 0x80, data: UInt8 = 0x81

    private func hear(_ message: BoardMessage) {
        guard isPlugged else { return }
        switch message {
        case .event(.connected(true)):
            // HELLO may be answered by what the device has said already.
            if isShown { break }
            isShown = true
            let address = SetupPacket(requestType: 0, request: StandardRequest.setAddress, value: 1)
            script = [.reset, .setup(address), .status, .setup(.setConfiguration(1)), .status, .poll]
            awaited = nil
            next()
        case .event(.connected(false)):
            (script, awaited, isConfigured, isShown) = ([], nil, false, false)
        case .answer(.data):
            send(.acknowledge, awaited == .poll ? Self.data : Self.control)
            next()
        case .answer(.ack): next()
        // READY follows.
        case .answer(.nak): break
        // The host gives up.
        case .answer: awaited = nil
        case .event(.ready): awaited.map(perform)
        case .event, .started, .synced: break
        }
    }

    private func next() {
        if awaited == .poll { return perform(.poll) }
        guard !script.isEmpty else { return awaited = nil }
        perform(script.removeFirst())
    }

    private func perform(_ step: Step) {
        awaited = step
        switch step {
        case .reset:
            send(.reset)
            next()
        case .setup(let request): send(.setup, 0, request.bytes)
        case .status: send(.in, Self.control)
        case .poll:
            isConfigured = true
            send(.in, Self.data)
        }
    }
}
