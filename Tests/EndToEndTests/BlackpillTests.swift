// blackpill-f411's image on QEMU's netduinoplus2, an STM32F405: the same core, memory map and USART, so the image that is flashed runs there as far
// as that model goes. Its clock controller, GPIO, flash controller, backup registers, watchdog and USB read as 0 and take writes without effect;
// its timers know no compare interrupts; and where the chip has its unique number there is nothing at all.
import ControlNode
import Foundation
import Testing
import Transport

@Suite("The Black Pill's image on a relative of its chip") struct BlackpillTests {
    /// The board while it runs.
    private final class Relative {
        private let process = Process()
        let socket: URL
        let accesses: URL

        init(_ scratch: Scratch) throws {
            socket = scratch.url.appendingPathComponent("uart")
            accesses = scratch.url.appendingPathComponent("unimplemented")
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [
                "qemu-system-arm", "-machine", "netduinoplus2", "-nodefaults", "-display", "none", "-kernel",
                try lightNodeImage("blackpill-f411").path, "-chardev", "socket,id=uart,path=\(socket.path),server=on,wait=on",
                "-serial", "chardev:uart", "-d", "unimp", "-D", accesses.path,
            ]
            process.standardInput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
        }

        deinit {
            // A test's thread may block SIGTERM, and then its children do.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }

        /// QEMU waits for the connection before it lets the processor run, so the first line is heard.
        func connect(_ onLog: @escaping @Sendable (String) -> Void) async throws -> CoAPClient {
            for _ in 0..<300 where !FileManager.default.fileExists(atPath: socket.path) {
                try await Task.sleep(for: .milliseconds(100))
            }
            let pipe = try UnixSocket.connect(path: socket.path, name: "the Black Pill's relative")
            return CoAPClient(pipe, name: "the Black Pill's relative", timing: .init(total: .seconds(60)), onLog: onLog)
        }
    }

    private final class Lines: @unchecked Sendable {
        private let lock = NSLock()
        private var lines: [String] = []
        func add(_ line: String) { lock.withLock { lines.append(line.trimmingCharacters(in: .whitespacesAndNewlines)) } }

        /// All lines, once there are so many; after half a minute, whatever there is.
        func wait(for count: Int) async -> [String] {
            for _ in 0..<300 where lock.withLock({ lines.count }) < count { try? await Task.sleep(for: .milliseconds(100)) }
            return lock.withLock { lines }
        }
    }

    @Test("It starts from the boot sector, gives up on clocks that never get ready, and says what it is")
    func boots() async throws {
        let scratch = try Scratch()
        let relative = try Relative(scratch)
        let lines = Lines()
        let client = try await relative.connect { lines.add($0) }
        // The client listens once it has asked. No answer comes: the status tells the chip's number, and reading that is a fault here.
        let asking = Task { try await NodeProbe(client).status() }
        // The store cannot be formatted, since the flash controller is not there; that is damage, never a blank node.
        #expect(await lines.wait(for: 1).first == "light node: DAMAGED: see /status")
        asking.cancel()
        await client.close()

        let accesses = try String(contentsOf: relative.accesses, encoding: .utf8).split(separator: "\n")
        let clockReads = accesses.count { $0.contains("RCC: unimplemented device read") && $0.contains("offset 0x000)") }
        #expect(clockReads >= 60_000 && clockReads < 60_100, "three sources, each waited for as long as ClockTree.patience says")
        #expect(!accesses.contains { $0.contains("USB OTG FS") }, "no USB without a crystal")
    }
}
