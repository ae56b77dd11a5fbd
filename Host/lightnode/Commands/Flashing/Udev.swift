// lightnode udev: the rule that lets people open nodes on USB.
import ArgumentParser
import BoardFacts
import Foundation
import NodeProtocol
import Reporting
import Transport

struct Udev: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Print the udev rule for nodes on USB, or install it.",
        discussion: """
            EXAMPLE:
              sudo lightnode udev --install

            Without it only root opens a node on USB. The rule gives nodes, and their bootloaders, to whoever sits at the computer and to
            the group plugdev. It is installed as \(UdevRule.folder)/\(UdevRule.fileName).
            """)

    @Flag(help: "Write it where udev looks, and tell udev.")
    var install = false
    @Option(help: .hidden)
    var folder = UdevRule.folder
    @OptionGroup var output: Output

    func run() throws {
        let rule = UdevRule.text(Self.identities())
        guard install else {
            output.show(Result(file: nil, rule: rule))
            return
        }
        let file = folder + "/" + UdevRule.fileName
        guard FileManager.default.fileExists(atPath: folder) else {
            throw Failure(
                .environment, "\(file) cannot be written: there is no folder \(folder), so udev does not run here",
                about: "\(file)",
                advice: "Install udev, or put what lightnode udev prints where your system keeps such rules")
        }
        do { try rule.write(toFile: file, atomically: true, encoding: .utf8) } catch {
            let isRoot = geteuid() == 0
            throw Failure(
                .environment, "\(file) cannot be written: \(error.localizedDescription)", about: "\(file)",
                advice: isRoot ? "Free some space, or make \(folder) writable" : "Run it as root: sudo lightnode udev --install")
        }
        // The rule holds for nodes that are plugged in from now on, in any case.
        var told = true
        for arguments in [["control", "--reload"], ["trigger", "--subsystem-match=usb", "--action=add"]] {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["udevadm"] + arguments
            process.standardError = FileHandle.nullDevice
            told = (try? process.run()) != nil && told
            process.waitUntilExit()
            told = told && process.terminationStatus == 0
        }
        output.show(Result(file: file, rule: rule, isInForce: told))
    }

    /// Nodes as every board shows them, bootloaders, and what the boards of this source tree add.
    private static func identities() -> [(vendor: UInt16, product: UInt16, what: String)] {
        var known: [(vendor: UInt16, product: UInt16, what: String)] = [
            (NodeUSB.vendor, NodeUSB.product, "light node"), (0x0483, 0xDF11, "bootloader of STM32 chips (DFU)"),
        ]
        for board in (try? BoardCatalogue().boards()) ?? [] {
            for identity in board.usb {
                guard let vendor = UInt16(exactly: identity.vendor.value), let product = UInt16(exactly: identity.product.value),
                    !known.contains(where: { $0.vendor == vendor && $0.product == product })
                else { continue }
                known.append((vendor, product, "\(board.name): \(identity.role)"))
            }
        }
        return known
    }

    struct Result: Encodable, CustomStringConvertible {
        /// Where it was written; nil when it was only to be printed.
        let file: String?
        let rule: String
        /// udev has read it.
        var isInForce: Bool?

        var description: String {
            guard let file else { return String(rule.dropLast()) }
            return isInForce == true
                ? "\(file) is written and in force."
                : "\(file) is written. Plug the node in again; if udev runs, it reads the rule then."
        }
    }
}
