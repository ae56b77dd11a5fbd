// What `lightnode` needs of the computer for USB: a rule of udev, and libusb. Neither needs a node.
import Foundation
import Testing
import Transport

@Suite("USB and the computer", .serialized)
struct USBSystemTests {
    private let home: Scratch

    init() throws { home = try Scratch() }

    private func run(_ words: [String], path: String = "/usr/bin:/bin") throws -> (status: Int32, output: String, error: String) {
        let process = Process(), output = Pipe(), error = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.environment = ["PATH": path, "LIGHTNODE_HOME": home.url.path]
        (process.standardOutput, process.standardError) = (output, error)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complained = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, said, complained)
    }

    private let lightnode = Program.beside("lightnode").path

    @Test("udev --install writes the rule that udev prints, and tells udev to read it and to look at what is plugged in")
    func install() throws {
        let scratch = try Scratch()
        let folder = scratch.url.appendingPathComponent("rules.d"), tools = scratch.url.appendingPathComponent("bin")
        for made in [folder, tools] { try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true) }
        // In the place of the real one, which has no udev to talk to here.
        let told = scratch.url.appendingPathComponent("told").path
        let udevadm = tools.appendingPathComponent("udevadm")
        func make(exitCode: Int) throws {
            try "#!/bin/sh\necho \"$@\" >>'\(told)'\nexit \(exitCode)\n".write(to: udevadm, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: udevadm.path)
        }
        let path = tools.path + ":/usr/bin:/bin"
        let printed = try run([lightnode, "udev"])
        try make(exitCode: 0)
        let installed = try run([lightnode, "udev", "--install", "--folder", folder.path], path: path)
        #expect(installed.status == 0 && installed.output.contains("is written and in force"), "\(installed)")
        let file = folder.appendingPathComponent(UdevRule.fileName)
        #expect(try String(contentsOf: file, encoding: .utf8) == printed.output)
        #expect(try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int == 0o644)
        #expect(
            try String(contentsOfFile: told, encoding: .utf8) == "control --reload\ntrigger --subsystem-match=usb --action=add\n")
        // Again, and where udev does not answer: nothing is claimed.
        try make(exitCode: 2)
        let again = try run([lightnode, "udev", "--install", "--folder", folder.path], path: path)
        #expect(again.status == 0 && again.output.contains("Plug the node in again"), "\(again)")
    }

    @Test("udev --install says what is missing: root's rights, or udev itself")
    func refusal() throws {
        let scratch = try Scratch()
        let folder = scratch.url.appendingPathComponent("rules.d").path
        let words = [lightnode, "udev", "--install", "--folder", folder]
        let nowhere = try run(words)
        #expect(nowhere.status == 4 && nowhere.error.contains("there is no folder \(folder)"), "\(nowhere)")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o555])
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: scratch.url.path)
        let person = getuid() == 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
        let refused = try run(person + words)
        #expect(refused.status == 4 && refused.error.contains("Run it as root: sudo lightnode udev --install"), "\(refused)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
    }

    /// With so few files libusb gets no event descriptor; all else needs one at a time.
    @Test("A libusb that does not start is told by list, which shows the rest, and by a command that finds no node")
    func noLibUSB() throws {
        let listed = try run(["bash", "-c", "ulimit -n 6; exec '\(lightnode)' list --quick"])
        #expect(listed.status == 0 && listed.output.contains("no nodes"), "\(listed)")
        #expect(listed.error.contains("USB cannot be used here: libusb did not start") && listed.error.contains("LIBUSB_DEBUG=4"))
        let commanded = try run(["bash", "-c", "ulimit -n 6; exec '\(lightnode)' status"])
        #expect(commanded.status == 4 && commanded.error.contains("libusb did not start"), "\(commanded)")
        #expect(!(try run([lightnode, "list", "--quick"])).error.contains("libusb"))
    }
}
