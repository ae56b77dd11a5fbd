// One test under a debugger.
import Emulation
import Foundation
import Reporting

extension Runner {
    /// Starts a test with QEMU's gdb server, the processor halted at reset, says how to attach, and waits for its end.
    public func debug(_ test: FirmwareTest, in plan: TestPlan, say: (String) -> Void) throws {
        guard let item = plan.items.first(where: { $0.test == test }) else { return }
        let folder = plan.scratch.url
        let run = TestRun(
            test: test, prepared: item.prepared, seed: options.seed, hostLimit: .infinity, scratch: folder, sources: item.sources)
        // A socket in the private folder: no port that another program may have.
        let socket = folder.appendingPathComponent("gdb").path
        let arguments = run.arguments(output: folder.appendingPathComponent("out"), serial: folder.appendingPathComponent("uart"))
        let server = ["-S", "-chardev", "socket,id=gdb,path=\(Quoted.qemu(socket)),server=on,wait=off", "-gdb", "chardev:gdb"]
        say(
            """
            \(test.path) [\(test.board)] waits at reset. In another terminal:
              gdb-multiarch \(Quoted.shell(item.prepared.image.source.path)) -ex \(Quoted.shell("target remote " + socket)) -ex 'break *0x\(String(test.address, radix: 16))' -ex continue
            Ctrl-C ends it.
            """)
        _ = try EmulatorRun(
            item.prepared.qemu, arguments: arguments + server, log: folder.appendingPathComponent("gdb.log").path, timeout: 86400)()
    }
}
