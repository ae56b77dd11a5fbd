// The debug probes among the kernel's USB devices, and the commands by which OpenOCD takes one of them and no other.
import Foundation
import Reporting

/// A debug probe that is plugged in.
struct DebugProbe: Equatable, Sendable {
    /// OpenOCD's script for it.
    enum Kind: String, Sendable {
        case stLink = "interface/stlink.cfg"
        case cmsisDAP = "interface/cmsis-dap.cfg"
    }

    let kind: Kind
    /// Where it is plugged in, "1-2.3": bus and ports.
    let port: String
    let vendor, productID: UInt16
    /// As the device tells it; may be empty, may be another one's too, and may hold any character.
    let serial: String
    let product: String

    /// The probes that the kernel lists in `folder`, by port.
    static func all(in folder: String) -> [DebugProbe] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().compactMap { DebugProbe(port: $0, in: folder, interfaces: names.filter { $0.contains(":") }) }
    }

    private init?(port: String, in folder: String, interfaces: [String]) {
        func text(_ entry: String, _ file: String) -> String {
            let bytes = FileManager.default.contents(atPath: "\(folder)/\(entry)/\(file)") ?? Data()
            return Quoted.line(String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
        }
        // usb1 is a controller, 1-2:1.0 an interface.
        guard port.wholeMatch(of: /\d+-\d+(\.\d+)*/) != nil, let vendor = UInt16(text(port, "idVendor"), radix: 16),
            let productID = UInt16(text(port, "idProduct"), radix: 16)
        else { return nil }
        (self.port, self.vendor, self.productID) = (port, vendor, productID)
        (product, serial) = (text(port, "product"), text(port, "serial"))
        // ST's own vendor id, and its products' names begin alike.
        if vendor == 0x0483, product.uppercased().replacing("-", with: "").contains("STLINK") {
            kind = .stLink
            return
        }
        // What CMSIS-DAP asks of a probe (Arm, "CMSIS-DAP: USB configuration"): its name in the product's string or in the interface's,
        // and an interface that can carry it. A name alone is no probe: any device may bear one.
        let names = [product] + interfaces.filter { $0.hasPrefix(port + ":") }.map { text($0, "interface") }
        let descriptors = FileManager.default.contents(atPath: "\(folder)/\(port)/descriptors") ?? Data()
        guard names.contains(where: { $0.contains("CMSIS-DAP") }), Self.carriesCMSISDAP([UInt8](descriptors)) else { return nil }
        kind = .cmsisDAP
    }

    /// Whether there is an HID interface (version 1), or one with a bulk endpoint each way (version 2).
    private static func carriesCMSISDAP(_ descriptors: [UInt8]) -> Bool {
        var at = 0, directions: Set<UInt8> = []
        while at + 2 <= descriptors.count, descriptors[at] >= 2, at + Int(descriptors[at]) <= descriptors.count {
            let (length, kind) = (Int(descriptors[at]), descriptors[at + 1])
            if kind == 4, length >= 9 {
                if descriptors[at + 5] == 3 { return true }
                directions = []
            }
            if kind == 5, length >= 7, descriptors[at + 3] & 3 == 2 { directions.insert(descriptors[at + 2] & 0x80) }
            if directions.count == 2 { return true }
            at += length
        }
        return false
    }

    /// The commands by which OpenOCD opens this probe and no other of those `present`.
    ///
    /// Its driver of ST-Links can be told the port. That of CMSIS-DAP (0.12) cannot: it is told what the device is, and its serial number,
    /// which must then be one that only this probe has, of characters that are plain in Tcl.
    /// - Throws: `Failure` when OpenOCD cannot tell this probe from another.
    func selection(among present: [DebugProbe]) throws -> [String] {
        guard kind == .cmsisDAP else { return ["adapter usb location \(port)"] }
        let identity = String(format: "cmsis_dap_vid_pid 0x%04x 0x%04x", vendor, productID)
        let rivals = present.filter { $0.kind == kind && $0.vendor == vendor && $0.productID == productID && $0.port != port }
        let isPlain = (1...126).contains(serial.utf8.count) && Quoted.isPlain(serial) && !serial.hasPrefix("-")
        if rivals.isEmpty { return [identity] + (isPlain ? ["adapter serial \(Quoted.tcl(serial))"] : []) }
        guard isPlain, !rivals.contains(where: { $0.serial == serial }) else {
            throw Failure(
                .unreachable,
                "OpenOCD cannot tell the probe at port \(port) (serial number “\(serial)”) from the one at port \(rivals[0].port)",
                advice: "Unplug the other one, then flash again")
        }
        return [identity, "adapter serial \(Quoted.tcl(serial))"]
    }
}
