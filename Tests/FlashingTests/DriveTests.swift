import BoardFacts
import Foundation
import Image
import Reporting
import Testing

@testable import Flashing

/// A folder that stands in for a DAPLink drive: it takes a HEX file away, comes back with a higher remount count after that and after a command, and
/// complains in FAIL.TXT, which stays until the next copy. It is no DAPLink: that a real one does so is known from its documentation and source alone.
final class StandInDrive: @unchecked Sendable {
    let folder: String
    private let lock = NSLock()
    private var taken: Data?
    private var isOver = false
    /// What FAIL.TXT will say.
    var complaint: String?
    var ignoresPageCommand = false
    var neverReturns = false
    private var lines: [String: String]

    var program: Data? { lock.withLock { taken } }
    var details: [String: String] { lock.withLock { lines } }

    init(_ folder: String, code: String = "9900", pageErasing: String? = "0", mode: String = "Interface") throws {
        self.folder = folder
        lines = [
            "Unique ID": "\(code)000051114e450017800d000000310000000097969901", "Daplink Mode": mode, "Interface Version": "0255",
            "Remount count": "0",
        ]
        if let pageErasing { lines["Page erasing"] = pageErasing }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try writeDetails()
        Thread { [weak self] in
            while let self, !self.lock.withLock({ self.isOver }) {
                self.work()
                usleep(5000)
            }
        }.start()
    }

    func end() { lock.withLock { isOver = true } }

    private func writeDetails() throws {
        let text =
            "# DAPLink Firmware - see https://mbed.com/daplink\r\n" + lines.map { "\($0.key): \($0.value)\r\n" }.sorted().joined()
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/DETAILS.TXT"), options: .atomic)
    }

    private func work() {
        let files = FileManager.default
        if !ignoresPageCommand, files.fileExists(atPath: folder + "/PAGE_ON.ACT") {
            try? files.removeItem(atPath: folder + "/PAGE_ON.ACT")
            lock.withLock { lines["Page erasing"] = "1" }
            try? writeDetails()
            // It tells so at once and goes a moment later, and what was copied meanwhile is lost.
            usleep(100_000)
            try? files.removeItem(atPath: folder + "/LIGHTNOD.HEX")
            remount()
        }
        let path = folder + "/LIGHTNOD.HEX"
        // Whole when its end record is there.
        guard let text = try? String(contentsOfFile: path, encoding: .ascii), text.hasSuffix(":00000001FF\n") else { return }
        lock.withLock { taken = Data(text.utf8) }
        guard !neverReturns else { return }
        // It programs; the file and what it said of the last copy are still there.
        usleep(100_000)
        try? files.removeItem(atPath: path)
        try? files.removeItem(atPath: folder + "/FAIL.TXT")
        if let complaint { try? Data(complaint.utf8).write(to: URL(fileURLWithPath: folder + "/FAIL.TXT")) }
        remount()
    }

    private func remount() {
        lock.withLock { lines["Remount count"] = String((Int(lines["Remount count"] ?? "0") ?? 0) + 1) }
        try? writeDetails()
    }
}

@Suite("The drive of an interface chip") final class DriveTests: MicrobitSuite {
    private func image() throws -> Data { try makeImage(for: board) }

    /// Mounted, as the kernel's table says, at a path with a blank.
    func way(_ drive: StandInDrive, patience: Double = 20) throws -> MassStorageWay {
        let table = "proc /proc proc rw 0 0\n/dev/sdz \(drive.folder.replacing(" ", with: "\\040")) vfat rw,nosuid 0 0\n"
        let mounts = try scratch.file("mounts", Data(table.utf8))
        return MassStorageWay(table: MountTable(mounts: mounts.path, labels: scratch.url.path), patience: patience)
    }

    func flash(_ drive: StandInDrive, erasesAll: Bool = false, mode: FlashJob.Mode = .write, patience: Double = 20) throws
        -> FlashReport
    {
        let file = try scratch.file("image.bin", try image())
        let job = FlashJob(image: try CheckedImage(contentsOf: file, for: board), mode: mode, erasesAll: erasesAll)
        let way = try way(drive, patience: patience)
        let device = try #require(try way.candidates(for: board).first)
        return try way.flash(job, device, progress: SilentProgress(), cancellation: Cancellation())
    }

    func drive(code: String = "9900", pageErasing: String? = "0", mode: String = "Interface") throws -> StandInDrive {
        try StandInDrive(scratch.url.path + "/my drives/MICROBIT", code: code, pageErasing: pageErasing, mode: mode)
    }

    @Test(
        "the drive is found in the kernel's table; page erasing is switched on for the keys; GNU objcopy reads in the copy what was flashed"
    )
    func copies() throws {
        let drive = try drive()
        defer { drive.end() }
        #expect(try way(drive).candidates(for: board).map(\.serial) == ["9900000051114e450017800d000000310000000097969901"])
        let report = try flash(drive)
        #expect(report.outcome == .written && report.verified == 0)
        #expect(drive.details["Page erasing"] == "1")
        let hex = try scratch.file("taken.hex", try #require(drive.program)),
            bin = scratch.url.appendingPathComponent("taken.bin")
        try objcopy("-I", "ihex", "-O", "binary", hex.path, bin.path)
        #expect(try Data(contentsOf: bin) == image())
    }

    @Test(
        "a chip that would erase the keys is refused before anything is copied, unless they may go",
        arguments: [nil, "0"] as [String?])
    func keepsKeys(pageErasing: String?) throws {
        let drive = try drive(pageErasing: pageErasing)
        defer { drive.end() }
        drive.ignoresPageCommand = true
        let found = failure { _ = try flash(drive, patience: 0.5) }
        #expect(found?.kind == .usage && found?.what.contains("erases the whole chip before it writes, the keys too") == true)
        #expect(found?.remedy == .either([.nameWay(["openocd"]), .eraseAll]))
        #expect(drive.program == nil)
        #expect(try flash(drive, erasesAll: true).outcome == .written)
    }

    @Test("what FAIL.TXT says is the error")
    func fails() throws {
        let drive = try drive(pageErasing: "1")
        defer { drive.end() }
        drive.complaint = "error: The interface firmware FAILED to reset/halt the target MCU\r\ntype: target\r\n"
        let found = failure { _ = try flash(drive) }
        #expect(found?.kind == .notFlashed)
        #expect(
            found?.what
                == "the interface chip refused the image: The interface firmware FAILED to reset/halt the target MCU (target)",
            "\(found?.what ?? "")")
    }

    @Test(
        "what FAIL.TXT says of an earlier copy is no word about this one, which is waited for; what it says of this one is told")
    func formerComplaint() throws {
        let drive = try drive(pageErasing: "1")
        defer { drive.end() }
        let former = URL(fileURLWithPath: drive.folder + "/FAIL.TXT")
        try Data("error: an earlier copy was cut\r\n".utf8).write(to: former)
        #expect(try flash(drive).outcome == .written)
        #expect(drive.details["Remount count"] == "1" && !FileManager.default.fileExists(atPath: former.path))
        try Data("error: an earlier copy was cut\r\n".utf8).write(to: former)
        drive.complaint = "error: In application programming aborted\r\n"
        #expect(
            failure { _ = try flash(drive) }?.what == "the interface chip refused the image: In application programming aborted")
    }

    @Test("a drive that goes because of the command to erase pages has not come back from the copy")
    func commandBeforeCopy() throws {
        let drive = try drive(pageErasing: "0")
        defer { drive.end() }
        _ = try flash(drive)
        #expect(drive.program != nil && drive.details["Remount count"] == "2")
    }

    @Test("a drive is back when it was gone, or counts another number of remounts; one that counts none must have been gone")
    func comesBack() throws {
        func drive(_ count: String?) throws -> DAPLinkDrive {
            let text = "Unique ID: 9900" + (count.map { "\r\nRemount count: \($0)\r\n" } ?? "")
            _ = try scratch.file("DETAILS.TXT", Data(text.utf8))
            return try #require(DAPLinkDrive(mountPoint: scratch.url.path))
        }
        for count in ["3", nil] {
            var comeback = DriveReturn(of: try drive(count))
            #expect(comeback.look(try drive(count)) == nil)
            #expect(comeback.look(nil) == nil)
            #expect(comeback.look(try drive(count)) != nil)
        }
        var counted = DriveReturn(of: try drive("3"))
        #expect(counted.look(try drive("4")) != nil)
        var again = DriveReturn(of: try drive("3"))
        #expect(again.look(try drive("0")) != nil)
    }

    @Test("a text on the drive that has no end, or steers a terminal, is cut and made plain")
    func longComplaint() throws {
        let drive = try drive(pageErasing: "1")
        defer { drive.end() }
        drive.complaint = "error: \u{1B}[2J" + String(repeating: "x", count: 1 << 20)
        let what = try #require(failure { _ = try flash(drive) }?.what)
        #expect(what.hasPrefix("the interface chip refused the image: \\u{1B}[2Jxxx") && what.count < 300, "\(what.prefix(400))")
    }

    @Test("a drive that does not come back: nobody knows, and the failure says so")
    func lost() throws {
        let drive = try drive(pageErasing: "1")
        defer { drive.end() }
        drive.neverReturns = true
        let found = failure { _ = try flash(drive, patience: 0.5) }
        #expect(found?.kind == .notFlashed && found?.what.contains("nobody knows whether the image was taken") == true)
    }

    @Test("the second version of the board, and a chip in maintenance mode, are refused")
    func others() throws {
        let second = try drive(code: "9904", pageErasing: "1")
        let found = failure { _ = try flash(second) }
        second.end()
        #expect(found?.kind == .unfitImage && found?.what.contains("of kind 9904") == true && second.program == nil)
        let maintenance = try StandInDrive(scratch.url.path + "/my drives/MICROBIT", mode: "Bootloader")
        let refused = failure { _ = try flash(maintenance) }
        maintenance.end()
        #expect(refused?.kind == .unfitImage && refused?.what.contains("maintenance mode") == true && maintenance.program == nil)
    }

    @Test("a drive cannot be read back, so comparing is refused with the way that can")
    func compares() throws {
        let drive = try drive(pageErasing: "1")
        defer { drive.end() }
        for mode in [FlashJob.Mode.verifyOnly, .dryRun] {
            let found = failure { _ = try flash(drive, mode: mode) }
            #expect(found?.kind == .usage && found?.remedy == .nameWay(["openocd"]))
        }
    }

    @Test("a drive that is not mounted is no candidate; one whose folder has a number is")
    func mounts() throws {
        let text = """
            /dev/sda1 / ext4 rw 0 0
            /dev/sdb /media/me/MICROBIT1 vfat rw 0 0
            /dev/sdc /media/me/MICROBITS vfat rw 0 0
            /dev/sdd /media/me/MICROBIT ext4 rw 0 0
            /dev/sde /mnt/other vfat rw 0 0
            """
        let mounts = try scratch.file("mounts", Data(text.utf8))
        try FileManager.default.createSymbolicLink(
            atPath: scratch.url.path + "/MICROBIT", withDestinationPath: "../../../dev/sde")
        let table = MountTable(mounts: mounts.path, labels: scratch.url.path)
        #expect(table.mountPoints(label: "MICROBIT") == ["/media/me/MICROBIT1", "/mnt/other"])
    }
}
