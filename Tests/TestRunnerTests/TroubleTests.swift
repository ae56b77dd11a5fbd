// What the runner does when its surroundings fail it: no QEMU, an old one, one that is killed, no space, a debugger.
import BoardFacts
import Emulation
import FirmwareBuild
import Foundation
import Programs
import Reporting
import Synchronization
import Testing

@testable import TestRunner

@Suite(.serialized) struct TroubleTests {
    private func runner(_ filter: String, scratch: URL? = nil) throws -> Runner {
        var options = Runner.Options()
        options.filters = [filter]
        options.boards = ["microbit"]
        options.scratch = scratch
        return Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue(root: root)), options: options)
    }

    /// Processes whose command line contains `text`.
    private func processes(_ text: String) throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter { pid in
            pid != getpid()
                && (try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8))?.contains(text) == true
        }
    }

    /// Waits until `condition` holds, for a minute at most.
    private func wait(_ condition: () throws -> Bool) throws -> Bool {
        for _ in 0..<6000 {
            if try condition() { return true }
            usleep(10_000)
        }
        return false
    }

    // MARK: QEMU

    @Test("QEMU that is not there is named, with the package to install; exit code 4")
    func missing() throws {
        let empty = try TemporaryFolder()
        let result = try Program.run(["test"], environment: ["PATH": empty.url.path])
        #expect(result.status == 4)
        #expect(result.errors.contains("qemu-system-arm is not in PATH"))
        #expect(result.errors.contains("apt-get install qemu-system-arm"))
        let wrong = try Program.run(["test"], environment: ["LIGHTNODE_QEMU": "/nowhere/qemu"])
        #expect(wrong.status == 4)
        #expect(wrong.errors.contains("LIGHTNODE_QEMU names /nowhere/qemu, which is no program"))
    }

    @Test("boards that QEMU is too old for are skipped with a notice, and a run of nothing else is no success")
    func tooOld() throws {
        let folder = try TemporaryFolder()
        let old = folder.url.appendingPathComponent("qemu")
        try "#!/bin/sh\necho QEMU emulator version 4.2.1\n".write(to: old, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: old.path)
        let result = try Program.run(["test", "Store", "Discovery"], environment: ["LIGHTNODE_QEMU": old.path])
        #expect(result.status == 1)
        #expect(result.output.contains("Store on microbit: microbit needs QEMU 5.0 or newer, installed is 4.2"))
        #expect(result.output.contains("skipped Discovery on b-l475e-iot01a: b-l475e-iot01a needs QEMU 9.1 or newer"))
        #expect(result.output.hasSuffix("0 passed, 0 failed, 0 skipped\n"))
    }

    @Test("QEMU that is killed from outside fails that test alone")
    func killed() throws {
        let runner = try runner("Selftest/hangs with interrupts off")
        let plan = try runner.plan()
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var report: TestReport?
        Thread {
            report = try? runner.run(plan)
            done.signal()
        }.start()
        var found: [Int32] = []
        // The one whose scratch folder it is, once it is QEMU and no longer the program that starts it.
        #expect(
            try wait {
                found = try processes(plan.scratch.url.path).filter {
                    (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8))?.hasPrefix("qemu") == true
                }
                return !found.isEmpty
            })
        for pid in found { kill(pid, SIGKILL) }
        done.wait()
        let result = try #require(report?.results.first)
        #expect(result.outcome == .emulatorFailed)
        #expect(result.detail == "QEMU was killed by signal 9")
        #expect(try processes(plan.scratch.url.path).isEmpty)
    }

    @Test("a runner that is killed takes its QEMUs with it")
    func runnerKilled() throws {
        let process = Process()
        process.executableURL = Program.url
        process.arguments = ["test", "Selftest/hangs with interrupts off", "--board", "microbit"]
        process.currentDirectoryURL = root
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        let scratch = "lightnode-test-\(process.processIdentifier)-"
        #expect(try wait { try !processes(scratch).isEmpty || !process.isRunning })
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(try wait { try processes(scratch).isEmpty })
        for name in try FileManager.default.contentsOfDirectory(atPath: FileManager.default.temporaryDirectory.path)
        where name.hasPrefix(scratch) {
            try? FileManager.default.removeItem(at: FileManager.default.temporaryDirectory.appendingPathComponent(name))
        }
    }

    // MARK: Space

    @Test("a report that cannot be written is an error with its reason; exit code 4")
    func fullReport() throws {
        for option in ["--junit", "--json"] {
            let result = try Program.run(["test", "Trivial/does nothing 07", "--board", "microbit", option, "/dev/full"])
            #expect(result.status == 4)
            #expect(result.errors.contains("/dev/full cannot be written: No space left on device"))
        }
        #expect(
            try FileManager.default.attributesOfItem(atPath: "/dev/full")[.type] as? FileAttributeType == .typeCharacterSpecial)
    }

    @Test("a full disk is named, and no test passes on it", .enabled(if: TinyDisk.canBeMade, "needs the right to mount"))
    func fullDisk() throws {
        let disk = try TinyDisk()
        let runner = try runner("Trivial/does nothing 07", scratch: disk.url)
        let plan = try runner.plan()
        try disk.fill()
        let result = try #require(try runner.run(plan).results.first)
        #expect(result.outcome == .emulatorFailed)
        #expect(result.detail?.contains("No space left on device") == true)
        #expect(throws: Failure.self) { try self.runner("Trivial", scratch: disk.url).plan() }
    }

    // MARK: Debugger

    @Test("two debuggers at once need no port, and each finds its test halted at reset")
    func debugger() throws {
        let runner = try runner("Trivial/does nothing 07")
        let plans = try [runner.plan(), runner.plan()]
        let test = try #require(plans[0].tests.first)
        let ended = DispatchGroup()
        let said = Mutex(["", ""])
        for (index, plan) in plans.enumerated() {
            ended.enter()
            Thread {
                try? runner.debug(test, in: plan) { line in said.withLock { $0[index] = line } }
                ended.leave()
            }.start()
        }
        for plan in plans {
            let socket = try LineSocket(path: plan.scratch.url.appendingPathComponent("gdb").path, timeout: 60)
            // GDB remote protocol: why it stands, all registers, end. The program counter is the 16th of 4 bytes, little endian.
            try socket.request("?", after: false)
            #expect(["T05", "S05"].contains(String(try socket.answer().prefix(3))))
            try socket.request("g")
            let registers = try socket.answer()
            #expect(registers.count >= 16 * 8)
            let program = Array(registers)[15 * 8..<16 * 8]
            #expect(String(program) == littleEndian(UInt32(truncatingIfNeeded: plan.items[0].prepared.linked.file.entry & ~1)))
            try socket.send(Data("+$k#6b".utf8))
        }
        ended.wait()
        #expect(said.withLock(\.self).allSatisfy { $0.contains("gdb-multiarch") && $0.contains("Trivial.elf") })
        for plan in plans { #expect(try processes(plan.scratch.url.path).isEmpty) }
    }

    private func littleEndian(_ word: UInt32) -> String {
        (0..<4).map { String(format: "%02x", word >> (8 * $0) & 0xFF) }.joined()
    }
}

/// A file system of 1 MB.
private final class TinyDisk {
    let url: URL

    static let canBeMade: Bool = (try? TinyDisk()) != nil

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("tiny-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        guard getuid() == 0,
            (try? Tool("mount", package: "mount").run(["-t", "tmpfs", "-o", "size=1m", "tmpfs", url.path]))?.status == 0
        else {
            try? FileManager.default.removeItem(at: url)
            throw CocoaError(.fileWriteNoPermission)
        }
    }

    func fill() throws {
        let file = fopen(url.appendingPathComponent("ballast").path, "w")
        let page = [UInt8](repeating: 1, count: 4096)
        while fwrite(page, 1, page.count, file) == page.count, fflush(file) == 0 {}
        fclose(file)
    }

    deinit {
        _ = try? Tool("umount", package: "mount").run([url.path])
        try? FileManager.default.removeItem(at: url)
    }
}

private final class TemporaryFolder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("trouble-\(UUID().uuidString.prefix(8))")
    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }
}

/// The program lightnode as it was built beside these tests.
enum Program {
    static let url: URL = {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        while !FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent("lightnode").path), folder.path != "/" {
            folder.deleteLastPathComponent()
        }
        return folder.appendingPathComponent("lightnode")
    }()

    struct Result {
        var status: Int32
        var output: String
        var errors: String
    }

    static func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Result {
        let process = Process()
        process.executableURL = url
        process.arguments = arguments
        process.currentDirectoryURL = root
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let output = Pipe(), errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return Result(status: process.terminationStatus, output: text, errors: said)
    }
}
