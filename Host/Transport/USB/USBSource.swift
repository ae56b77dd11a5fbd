// Nodes on USB as nodes: `usb:SERIAL`, or `usb:PORT`, which is also for one whose serial number is none or another's too.
import Foundation
import Reporting

/// The nodes on USB.
public struct USBSource: NodeSource {
    /// USB is looked at by each call, not here.
    public init() {}

    /// By serial number where that names one node alone, else by port; one that may not be opened comes with its obstacle.
    /// - Throws: `Failure` when the bus cannot be listed.
    public func candidates() throws -> [NodeCandidate] {
        let nodes = try nodes()
        return nodes.map { NodeCandidate($0.locator(among: nodes), note: $0.board ?? "", obstacle: $0.obstacle) }
    }

    /// What libusb says against being started.
    public func obstacle() -> Failure? {
        do { _ = try USBContext.shared() } catch { return error as? Failure }
        return nil
    }

    /// The nodes that are plugged in, those that may not be opened too; none when there is an `obstacle`.
    /// - Throws: `Failure` when the bus cannot be listed.
    public func nodes() throws -> [USBNode] {
        guard let context = try? USBContext.shared() else { return [] }
        return try context.nodes().sorted { $0.port < $1.port }
    }

    /// Waits up to 3 s for the node: it may be about to come back under a new name.
    /// - Throws: `Failure`: `usage` when several are called so, `unreachable` when none is or it is in use, `environment` when it
    ///   may not be opened.
    public func open(_ locator: NodeLocator) async throws -> (any BytePipe)? {
        guard case .usb(let name) = locator else { return nil }
        return try await USBPipe.open(name)
    }
}

/// The rule that lets people at this computer open a light node (udev(7)).
public enum UdevRule {
    /// Before 73-seat-late.rules, which gives the nodes tagged `uaccess` to the user who sits at the computer.
    public static let fileName = "60-lightnode.rules"
    /// Where rules of the administrator are (udev(7), "Rules files").
    public static let folder = "/etc/udev/rules.d"

    /// Debug probes have many products; their makers name them alike.
    private static let probes = [
        ("CMSIS-DAP probes", #"ATTR{product}=="*CMSIS-DAP*""#),
        ("ST-Links", #"ATTR{idVendor}=="0483", ATTR{product}=="*ST-Link*|*ST-LINK*|*STLink*|*STLINK*""#),
    ]

    /// - Parameter identities: USB vendor and product ids, with what they are.
    public static func text(_ identities: [(vendor: UInt16, product: UInt16, what: String)]) -> String {
        var lines = [
            "# Light nodes on USB, for whoever sits at this computer and for the group plugdev. Written by “lightnode udev”.",
            "# Vendor-specific interfaces have no driver in the kernel: programs open them through libusb. ModemManager leaves their ports alone.",
        ]
        let nodes = identities.map {
            ($0.what, #"ATTR{idVendor}=="\#(hex($0.vendor))", ATTR{idProduct}=="\#(hex($0.product))""#)
        }
        for (what, match) in nodes + probes {
            lines.append(Quoted.comment(what))
            let device = #"ACTION!="remove", SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", \#(match), "#
            // Two lines: where there is no group plugdev, newer versions of systemd drop the whole line that names it.
            lines.append(device + #"MODE="0660", TAG+="uaccess", ENV{ID_MM_DEVICE_IGNORE}="1""#)
            lines.append(device + #"GROUP="plugdev""#)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func hex(_ value: UInt16) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
