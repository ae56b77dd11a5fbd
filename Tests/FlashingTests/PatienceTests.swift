import BootloaderModel
import Foundation
import Image
import Reporting
import Testing
import USBStrings

@testable import Flashing

/// What a device says of times, names and places is bounded and checked before it is used.
@Suite("What DFU devices claim") struct PatienceTests {
    @Test("a device that asks for hours gets the minute that an operation may take, and no request meanwhile")
    func hours() throws {
        let it = try Attempt()
        it.device.faults.isStuck = true
        it.device.faults.busyPoll = 0xFF_FFFF
        let found = failure { try it.run() }
        #expect(found?.what.contains("busy without end") == true && it.keysAreThere)
        #expect(it.bus.waited <= DFUClient.operationLimit + 1000, "\(it.bus.waited) ms")
    }

    @Test("a device that says 0 ms while it works for seconds is asked until it is done")
    func zero() throws {
        let it = try Attempt()
        it.device.timing = FlashTiming().slower(2)
        it.device.faults.answersWhileBusy = true
        it.device.faults.busyPoll = 0
        it.device.timing.pollErase = 0
        try it.run()
        #expect(it.holdsImage && it.keysAreThere)
    }

    @Test("Ctrl-C is heeded within a moment while a device is given its time")
    func interrupted() throws {
        let it = try Attempt()
        it.device.faults.isStuck = true
        it.device.faults.busyPoll = 30_000
        let cancellation = Cancellation()
        var waits: [Int] = []
        it.bus.onWait = {
            waits.append($0)
            if waits.count == 3 { cancellation.cancel() }
        }
        let found = failure { try it.run(cancellation: cancellation) }
        #expect(found?.kind == .interrupted && waits.count == 3 && waits.allSatisfy { $0 <= DFUClient.slice }, "\(waits)")
    }

    @Test("a device that another program is writing is left alone, and nobody is told to unplug it")
    func taken() throws {
        let it = try Attempt()
        it.bus.ports[0].isTaken = true
        let found = failure { try it.run() }
        #expect(found?.kind == .unreachable && found?.what.contains("another program uses") == true)
        #expect(found?.advice.contains("leave the device plugged in") == true && found?.advice.contains("Unplug") == false)
    }

    @Test("two devices with one serial number: each is flashed at its own port, and named by it")
    func twins() throws {
        let first = try Attempt(), second = try Attempt()
        first.bus.ports.append(.init(device: second.device, port: "1-2"))
        let way = DFUWay(bus: first.bus)
        var selection = FlashSelection(ways: [way], via: .dfu)
        let ambiguous = failure { _ = try selection.choose(for: first.board) }
        #expect(
            ambiguous?.remedy.choices.contains("\n    1-1 ") == true && ambiguous?.remedy.choices.contains("\n    1-2 ") == true)
        selection.serial = second.device.serial
        #expect(failure { _ = try selection.choose(for: first.board) }?.kind == .usage)
        selection.serial = "1-2"
        let chosen = try selection.choose(for: first.board)
        _ = try way.flash(try first.job(), chosen.devices[0], progress: SilentProgress(), cancellation: Cancellation())
        #expect(second.holdsImage && first.device.requests == 0)
        selection.serial = nil
        selection.all = true
        second.device.replug()
        let both = try selection.choose(for: first.board).devices
        let results = FlashSelection.flash(
            try first.job(), both, via: way, progress: { _ in SilentProgress() }, cancellation: Cancellation())
        #expect(results.count == 2 && results.allSatisfy { (try? $0.result.get()) != nil })
        #expect(first.holdsImage && second.holdsImage && first.device.hasLeft && second.device.hasLeft)
    }

    @Test("a device that has lost its name since it was listed is still the one at that port")
    func nameless() throws {
        let it = try Attempt()
        let way = DFUWay(bus: it.bus)
        let candidate = try way.candidates(for: it.board)[0]
        it.bus.ports[0].serial = ""
        _ = try way.flash(try it.job(), candidate, progress: SilentProgress(), cancellation: Cancellation())
        #expect(it.holdsImage)
    }

    @Test("a device that enumerates once more on its way is waited for; one that does so for ever is not", arguments: [1, 3, 9])
    func flaps(times: Int) throws {
        let it = try Attempt()
        it.bus.ports[0].isRunning = true
        it.bus.ports[0].flaps = times
        let found = failure { try it.run() }
        if times < 9 {
            #expect(found == nil && it.holdsImage, "\(found?.description ?? "")")
        } else {
            #expect(found?.what.contains("leaves the bus again and again") == true && it.device.erases == 0)
        }
    }

    @Test(
        "a memory whose regions lie in any order, upon each other or far apart is judged, and stops no program",
        arguments: [
            "@Internal Flash/0x08000000/2*128Kg/0x00000000/2*128Kg", "@Internal Flash/0x08000000/4*128Kg,4*128Kg",
            "@Internal Flash/0x08000000/2*128Kg/0x08000000/2*128Kg", "@Internal Flash/0x08000000/2*128Kg/0xFFFF0000/2*128Kg",
            "@Internal Flash/0x08000000/4*001Bg,4*127Kg,4*001Bg",
            "@Internal Flash/0x08000000/1*128Kg/0x08060000/1*128Kg/0x08020000/2*128Kg",
        ])
    func layouts(text: String) throws {
        let it = try Attempt()
        it.bus.ports[0].layout = text
        let found = failure { try it.run() }
        // The last is the whole flash, told in another order.
        if text.hasSuffix("0x08020000/2*128Kg") {
            #expect(found == nil || found?.kind == .unfitImage, "\(found?.description ?? "")")
        } else {
            #expect(found?.kind == .unfitImage || found?.kind == .malformedAnswer, "\(found?.description ?? "no failure")")
            #expect(it.device.erases == 0)
        }
    }

    @Test("a string descriptor is read as far as it came, whatever length it claims, and as one printable line")
    func strings() {
        func descriptor(_ text: String, length: Int? = nil, type: UInt8 = 3) -> [UInt8] {
            let units = Array(text.utf16).flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
            return [UInt8(length ?? units.count + 2), type] + units
        }
        #expect(USBString.text(descriptor("32763")) == "32763")
        #expect(USBString.text(descriptor("32763", length: 32)) == "32763")
        #expect(USBString.text(descriptor("32763", length: 6)) == "32")
        #expect(USBString.text(descriptor("32763", length: 0)) == nil)
        #expect(USBString.text(descriptor("é漢🔑")) == "é漢🔑")
        #expect(USBString.text(descriptor("a\u{1B}[2J\nb")) == "a\\u{1B}[2J\\u{A}b")
        #expect(USBString.text(descriptor("ab\0cd")) == "ab")
        #expect(USBString.text(descriptor("ab") + [0x41]) == "ab")
        for wrong in [[], [2], [2, 3], [4, 2, 65, 0], [3, 3, 65], [255, 3, 0xD8]] as [[UInt8]] {
            #expect(USBString.text(wrong) == nil)
        }
    }
}

/// OpenOCD that does not do as it should: a stand-in that says, or does not say, what a real one was reported to.
@Suite("OpenOCD that misbehaves") struct OpenOCDFaultTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    /// A program that logs `lines` and then does `then`.
    private func standIn(_ lines: [String] = [], then: String = "exit 0") throws -> OpenOCD {
        let script = "#!/bin/sh\n" + lines.map { "echo '\($0)' >&2\n" }.joined() + then + "\n"
        let file = try scratch.file("openocd-\(UInt32.random(in: 0 ... .max))", Data(script.utf8))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        return OpenOCD(executable: file.path, configuration: [])
    }

    private func job() throws -> FlashJob {
        let board = try FlashingTests.board("microbit")
        let file = try scratch.file("image.bin", try makeImage(for: board))
        return FlashJob(image: try CheckedImage(contentsOf: file, for: board), erasesAll: true)
    }

    @Test("silence has a limit, and the program is gone after it", arguments: [false, true])
    func silent(isVerified: Bool) throws {
        let pid = scratch.url.path + "/pid"
        let said = isVerified ? ["** Programming Started **", "** Verify Started **", "** Verified OK **"] : ["Info : x"]
        var openocd = try standIn(said, then: "echo $$ > \(pid); sleep 100")
        openocd.silence = 1
        let began = Date()
        let found = failure {
            try openocd.run([], in: scratch.url, progress: SilentProgress(), size: 0, cancellation: Cancellation())
        }
        #expect(Date().timeIntervalSince(began) < 90 && found?.kind == .unreachable, "it does not wait for the end")
        #expect(
            found?.what.contains("said nothing for 1 s") == true && found?.what.contains("is written and verified") == isVerified)
        let number = try #require(
            Int32(try String(contentsOfFile: pid, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(kill(number, 0) != 0, "it lives on")
    }

    @Test("Ctrl-C ends it at once, reading or writing, and what that means is said", arguments: [false, true])
    func interrupted(isWriting: Bool) throws {
        let openocd = try standIn(isWriting ? ["** Programming Started **"] : [], then: "sleep 100")
        let cancellation = Cancellation()
        DispatchQueue.global().asyncAfter(deadline: .now() + 0.5) { cancellation.cancel() }
        let began = Date()
        let found = failure {
            try openocd.run([], in: scratch.url, progress: SilentProgress(), size: 1, cancellation: cancellation)
        }
        #expect(Date().timeIntervalSince(began) < 90, "it does not wait for the end")
        #expect(found?.kind == .interrupted && found?.what.contains("partly written") == isWriting, "\(found?.description ?? "")")
    }

    @Test("what it does not say that it verified was not verified, whatever its exit status is")
    func unverified() throws {
        let written = "wrote 12288 bytes from file image.hex in 1s"
        for (lines, words) in [
            ([], "does not say that the flash reads back right"),
            (["** Programming Started **", written, "** Programming Finished **"], "does not say"),
            (
                [
                    "** Programming Started **", "wrote 0 bytes from file image.hex in 0s", "** Programming Finished **",
                    "** Verify Started **",
                    "** Verified OK **",
                ], "0 of 12288 bytes"
            ),
        ] {
            let openocd = try standIn(lines)
            let found = failure {
                _ = try OpenOCDWay.flash(try job(), openocd, progress: SilentProgress(), cancellation: Cancellation())
            }
            #expect(found?.kind == .notFlashed && found?.what.contains(words) == true, "\(found?.description ?? "no failure")")
        }
        let good = try standIn([
            "** Programming Started **", written, "** Programming Finished **", "** Verify Started **", "** Verified OK **",
        ])
        #expect(try OpenOCDWay.flash(try job(), good, progress: SilentProgress(), cancellation: Cancellation()).verified == 12288)
        var reading = try job()
        reading.erasesAll = false
        let found = failure {
            _ = try OpenOCDWay.flash(reading, try standIn(), progress: SilentProgress(), cancellation: Cancellation())
        }
        #expect(found?.kind == .environment && found?.what.contains("left no copy of the flash") == true)
    }

    @Test("a line of megabytes, and an error without OpenOCD's form, are read in a moment and told")
    func longLine() throws {
        let began = clock()
        let openocd = try standIn(
            then: "head -c 4000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo 'invalid command name \"x\"' >&2; exit 1")
        let found = failure {
            try openocd.run([], in: scratch.url, progress: SilentProgress(), size: 1, cancellation: Cancellation())
        }
        #expect(clock() - began < 10 * CLOCKS_PER_SEC, "seconds of this process's work")
        #expect(found?.what == "OpenOCD failed with status 1: invalid command name \"x\"")
    }
}
