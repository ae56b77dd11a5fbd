// What OpenOCD says, in our terms: stages for the progress, and the error that counts among its many lines.
import Foundation
import Reporting

/// One line of OpenOCD's log, understood.
enum OpenOCDEvent: Equatable {
    case began(FlashStage)
    case ended(FlashStage)
    /// Bytes that it says it wrote or compared.
    case counted(FlashStage, Int)
    case error(String)

    init?(_ line: String) {
        switch line.trimmingCharacters(in: .whitespaces) {
        case "** Programming Started **": self = .began(.write)
        case "** Programming Finished **": self = .ended(.write)
        case "** Verify Started **": self = .began(.verify)
        case "** Verified OK **": self = .ended(.verify)
        case let text:
            if let match = text.firstMatch(of: /^wrote (\d+) bytes from file/), let count = Int(match.1) {
                self = .counted(.write, count)
            } else if let match = text.firstMatch(of: /^verified (\d+) bytes in/), let count = Int(match.1) {
                self = .counted(.verify, count)
            } else if let match = text.firstMatch(of: /^(?:\S+ )?Error: (.+)$/) {
                self = .error(String(match.1))
            } else if let match = text.firstMatch(of: /^\*\* (.+ Failed) \*\*$/) {
                self = .error(String(match.1))
            } else {
                return nil
            }
        }
    }
}

/// The failure behind OpenOCD's lines.
enum OpenOCDFailure {
    private struct Rule {
        let words: String
        let kind: Failure.Kind
        let what: String
        let remedy: Remedy

        init(words: String, kind: Failure.Kind, what: String, remedy: Remedy) {
            (self.words, self.kind, self.what, self.remedy) = (words, kind, what, remedy)
        }

        init(words: String, kind: Failure.Kind, what: String, advice: String) {
            self.init(words: words, kind: kind, what: what, remedy: .advice(advice))
        }
    }

    private static let replug = "Check the probe's USB cable, and that no other program uses it"
    private static let wiring = "Check that the board has power, and the wires for SWDIO, SWCLK and GND"
    /// The first that fits counts: causes before their consequences.
    private static let again = "Flash it again"

    private static let rules: [Rule] = [
        Rule(
            words: "LIBUSB_ERROR_ACCESS", kind: .environment, what: "this user may not use the debug probe",
            remedy: .permitUSB
        ),
        Rule(
            words: "unable to find a matching CMSIS-DAP device", kind: .unreachable, what: "no CMSIS-DAP probe is there",
            advice: replug),
        Rule(words: "open failed", kind: .unreachable, what: "no ST-Link answers", advice: replug),
        Rule(
            words: "Can't find", kind: .environment, what: "OpenOCD lacks a script",
            advice: "Install OpenOCD 0.12 with its scripts: apt-get install openocd"),
        Rule(words: "cannot read IDR", kind: .unreachable, what: "the probe reaches no chip", advice: wiring),
        Rule(words: "unable to connect to the target", kind: .unreachable, what: "the probe reaches no chip", advice: wiring),
        Rule(
            words: "JTAG scan chain interrogation failed", kind: .unreachable, what: "the probe reaches no chip", advice: wiring),
        Rule(
            words: "UNEXPECTED idcode", kind: .unfitImage, what: "the chip at the probe is another one", remedy: .nameBoard([])),
        Rule(
            words: "unexpected idcode", kind: .unfitImage, what: "the chip at the probe is another one", remedy: .nameBoard([])),
        Rule(
            words: "timed out while waiting for target halted", kind: .unreachable, what: "the chip does not halt", advice: wiring
        ),
        Rule(
            words: "device locked", kind: .environment, what: "the chip is protected against reading and writing",
            advice: "Unlock it with OpenOCD; that erases all of it, the keys too"),
        Rule(
            words: "protected", kind: .environment, what: "a sector of the flash is protected against writing",
            advice: "Remove the protection with OpenOCD's “flash protect”"),
        Rule(
            words: "checksum mismatch", kind: .notFlashed, what: "the flash reads back differently from what was written",
            advice: again),
        Rule(
            words: "Verify Failed", kind: .notFlashed, what: "the flash was written but could not be verified",
            advice: again),
        Rule(words: "failed erasing sectors", kind: .notFlashed, what: "erasing the flash failed", advice: wiring),
        Rule(words: "Programming Failed", kind: .notFlashed, what: "writing the flash failed", advice: wiring),
    ]

    /// - Parameters:
    ///   - errors: the texts of OpenOCD's errors before it began to write, in order.
    ///   - writing: those since then; nil if it never began. What came before was no obstacle: a stage was reached after it.
    ///   - lastLine: the last that it said at all.
    static func failure(_ errors: [String], writing: [String]?, status: Int32, lastLine: String? = nil) -> Failure {
        let counted = writing ?? errors
        for rule in rules {
            if let line = counted.last(where: { $0.contains(rule.words) }) {
                let told = line == rule.words ? counted.first { $0.contains("doesn't") || $0.contains("differ") } : line
                return Failure(
                    writing == nil ? rule.kind : .notFlashed, "\(rule.what) (OpenOCD: \(told ?? line))", remedy: rule.remedy)
            }
        }
        return Failure(
            writing == nil ? .environment : .notFlashed,
            "OpenOCD failed with status \(status): \(counted.last ?? lastLine ?? "it gave no reason")",
            advice: writing == nil ? "Run it by hand to see all that it says" : "Flash it again")
    }
}
