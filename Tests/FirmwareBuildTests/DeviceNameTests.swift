// Names and methods that an application writes and its board has not: found on the host, with line and remedy, however many there are.
import Foundation
import Reporting
import Testing

@testable import FirmwareBuild

@Suite("Names in an application")
struct DeviceNameTests {
    private static let sourceRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// What is said of an application with `body`, before anything is built; nil when nothing is.
    private func fault(_ body: String) throws -> String? {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("ln-names-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        let folder = root.appendingPathComponent("Firmware/Apps/shed")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in ["Boards", "Firmware/Drivers"] {
            let original = Self.sourceRoot.appendingPathComponent(name)
            try FileManager.default.copyItem(at: original, to: root.appendingPathComponent(name))
        }
        try Data("struct Ring<let count: Int> {}\nfunc step() {\n\(body)\n}\n".utf8).write(
            to: folder.appendingPathComponent("main.swift"))
        let catalogue = try BoardCatalogue(root: root)
        var names = DeviceNames(try BoardWiring(try catalogue.board("microbit"), in: catalogue), in: catalogue)
        do {
            try names.check("Firmware/Apps/shed")
            return nil
        } catch { return "\(error)" }
    }

    @Test("A name that the board has not is refused with file, line and the names there are; a comment is none")
    func unknownName() throws {
        let many = (0..<20).map { _ in "    `$`(\"led\").toggle()" }.joined(separator: "\n")
        let text = try fault("\(many)\n    // `$`(\"lamp\")\n    if `$`(\"lamp\").isOn { `$`(\"led\").off() }")
        #expect(
            text == "Firmware/Apps/shed/main.swift:24: microbit has no device \"lamp\". It has: led, display, lock, relay, "
                + "button-a, button-b, thermometer, dimmer.")
    }

    @Test("A method that the device has not is refused with the device's interface, also on a line of its own")
    func unknownMethod() throws {
        let text = try fault("    `$`(\"led\").on()\n    `$`(\"lock\").on()\n    `$`(\"button-a\")\n        .close()")
        let file = "Firmware/Apps/shed/main.swift"
        #expect(
            text == """
                \(file):4: "lock" of microbit, a Lock, has no on(). Its interface: open(for:ms 100..60000=5000);close|lock:bool|relocked
                  \(file):5: "button-a" of microbit, a Button, has no close(). Its interface: |button:bool|pressed;released;held;double
                """)
    }

    @Test("Whatever our own applications and suites name exists", arguments: try BoardCatalogue(root: sourceRoot).names)
    func ours(name: String) throws {
        let catalogue = try BoardCatalogue(root: Self.sourceRoot)
        var names = DeviceNames(try BoardWiring(try catalogue.board(name), in: catalogue), in: catalogue)
        // The probe and the light node are built for every board.
        for product in ["device-probe", "light-node"] { try names.check("Firmware/Apps/\(product)") }
        if name == "microbit" {
            for product in ["rental-lock", "metered-plug", "thermostat", "lamp"] { try names.check("Firmware/Apps/\(product)") }
            try names.check("Tests/OnTarget/Names")
        }
        #expect(try Drivers(in: catalogue).methods["on"] == ["on;off;toggle"])
    }

    @Test("A linker that misses what is missing on purpose is explained")
    func advice() {
        func remedy(_ symbol: String) -> Remedy {
            FirmwareBuilder.remedy(["ld.lld: error: undefined symbol: \(symbol)"])
        }
        #expect(remedy("posix_memalign").prose.contains("no heap"))
        for symbol in ["ERROR_this_device_has_no_such_method", "ERROR_this_board_has_no_device_of_that_name"] {
            guard case .inOrder(let parts) = remedy(symbol) else {
                Issue.record("\(symbol) has no remedy of its own")
                continue
            }
            #expect(parts.last == .showLayout)
        }
        #expect(remedy("uart_write").prose.contains("what the compiler names"))
    }
}
