// QEMU's gdb stub: stop where the processor touches a register (GDB manual, appendix E "Remote Serial Protocol").
import Emulation
import Foundation

/// A connection to the stub; the processor is halted while it is made. Every wait has a limit.
final class DebugStub {
    enum Watch: Int {
        case writes = 2
        case reads = 3
    }

    private let socket: LineSocket
    private var buffer: [UInt8] = []

    init(path: String) throws {
        socket = try LineSocket(path: path, timeout: 5)
        // A processor that was running reports its halt of its own accord as well, a moment later or earlier.
        _ = try request("?")
        while let _ = try? receive(timeout: 0.2) {}
    }

    /// Lets the processor run until it reads or writes one of `count` bytes from `address` on.
    /// - Parameter started: called when it runs.
    func run(until watch: Watch, _ address: UInt64, count: Int, timeout: Double = 60, started: () throws -> Void = {}) throws {
        let place = "\(String(address, radix: 16)),\(String(count, radix: 16))"
        try expectOK("Z\(watch.rawValue),\(place)")
        try send("c")
        try started()
        let stop = try receive(timeout: timeout)
        guard stop.hasPrefix("T05") else {
            throw EmulationError("the emulator stopped with \"\(stop)\" instead of at \(String(address, radix: 16)).")
        }
        try expectOK("z\(watch.rawValue),\(place)")
    }

    /// Lets the processor go on and ends debugging.
    func detach() throws { try expectOK("D") }

    private func expectOK(_ packet: String) throws {
        let answer = try request(packet)
        guard answer == "OK" else { throw EmulationError("the emulator's debugger answered \(packet) with \"\(answer)\".") }
    }

    private func request(_ packet: String) throws -> String {
        try send(packet)
        return try receive(timeout: 10)
    }

    private func send(_ packet: String) throws {
        let sum = packet.utf8.reduce(UInt8(0), &+)
        try socket.send(Array("$\(packet)#\(String(format: "%02x", sum))".utf8))
    }

    /// The next packet's text; acknowledges it.
    private func receive(timeout: Double) throws -> String {
        let limit = Date().addingTimeInterval(timeout)
        while true {
            if let start = buffer.firstIndex(of: UInt8(ascii: "$")), let end = buffer[start...].firstIndex(of: UInt8(ascii: "#")),
                buffer.count > end + 2
            {
                let text = String(decoding: buffer[(start + 1)..<end], as: UTF8.self)
                buffer.removeFirst(end + 3)
                try socket.send([UInt8(ascii: "+")])
                return text
            }
            let left = limit.timeIntervalSinceNow
            guard left > 0 else { throw EmulationError("the emulator did not stop within \(Int(timeout)) s.") }
            buffer += try socket.receive(timeout: left)
        }
    }
}
