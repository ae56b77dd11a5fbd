// A USB cable to a board whose controller is a byte stream: a host that configures the device, and a plug that can be pulled.
import FirmwareBuild
import Foundation
import Reporting

/// The far end of the virtual USB of `mps2-an386` (frames: Firmware/MCU/MPS2/VirtualUSB.swift). The processor must stand still while
/// bytes are moved (`run(untilInstruction:)`), so that the same run gets the same frames at the same instructions. It does what a test
/// of firmware needs, no more: bus reset, address, first configuration, and IN packets of the data endpoints taken and counted.
public final class USBCable {
    private enum Step: Equatable {
        case reset
        case setup([UInt8])
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
    /// Bytes that the device sent on its data endpoint.
    public private(set) var received: [UInt8] = []

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
        send(0x08)  // HELLO
    }

    /// Pulls it out: whatever was under way is lost.
    public func unplug() {
        isPlugged = false
        isConfigured = false
        isShown = false
        (script, awaited) = ([], nil)
        send(0x09)  // DETACHED
    }

    /// Moves what has arrived and one byte to the board, if its receiver is free. Call once per time of a byte.
    /// - Throws: `Failure` when the board is off, or closes the line.
    public func move() throws {
        if let arrived = try? line.receive(timeout: 0) { fromBoard += arrived }
        while let frame = USBFrame.next(in: &fromBoard) {
            switch frame {
            case .whole(let kind, _, let data): hear(kind, data)
            case .cutOff: break
            case .tooLong: fromBoard.removeFirst()
            }
        }
        // Bit 1 of STATE: the receiver is full (CMSDK 4.3).
        guard !toBoard.isEmpty, try board.readRegister(state) & 2 == 0 else { return }
        try line.send([toBoard.removeFirst()])
        for _ in 0..<2 { _ = try board.readRegister(state) }
    }

    private func send(_ kind: UInt8, _ endpoint: UInt8 = 0, _ data: [UInt8] = []) {
        toBoard += USBFrame.encoded(kind, endpoint, data)
    }

    private func hear(_ kind: UInt8, _ data: [UInt8]) {
        guard isPlugged else { return }
        switch kind {
        case 0x84 where data == [1]:  // CONNECT: SET_ADDRESS 1 and SET_CONFIGURATION 1 (USB 2.0, 9.4)
            // HELLO may be answered by what the device has said already.
            if isShown { break }
            isShown = true
            script = [.reset, .setup([0, 5, 1, 0, 0, 0, 0, 0]), .status, .setup([0, 9, 1, 0, 0, 0, 0, 0]), .status, .poll]
            awaited = nil
            next()
        case 0x84:
            (script, awaited, isConfigured, isShown) = ([], nil, false, false)
        case 0x81:  // DATA
            send(0x05, awaited == .poll ? 0x81 : 0x80)  // ACK
            if awaited == .poll { received += data.dropFirst() }
            next()
        case 0x82 where data == [0x02]: next()  // ACK
        case 0x82 where data == [0x0A]: break  // NAK: READY follows
        case 0x82: awaited = nil  // STALL or no answer: the host gives up
        case 0x83: awaited.map(perform)  // READY
        default: break
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
            send(0x01)
            next()
        case .setup(let request): send(0x02, 0, request)
        case .status: send(0x04, 0x80)
        case .poll:
            isConfigured = true
            send(0x04, 0x81)
        }
    }
}
