import Reporting
import Testing

@testable import Transport

@Suite("Nodes on USB by name")
struct USBNamingTests {
    private func node(_ port: String, _ serial: String?, product: UInt16 = 1) -> USBNode {
        USBNode(
            port: port, vendor: 0x1209, product: product, serialNumber: serial, productName: "Light node microbit", obstacle: nil,
            interface: 0, bulkIn: 0x81, bulkOut: 0x01)
    }

    @Test("A node is named by its serial number in either case, or by its port when it has none")
    func names() {
        #expect(node("1-4", "NODE1ABC").isCalled("node1abc") && node("1-4.2", nil).isCalled("1-4.2"))
        #expect(!node("1-4", "NODE1ABC").isCalled("1-4.2"))
        #expect(node("1-4", "0A1B").locator.description == "usb:0A1B" && node("1-4", nil).locator.description == "usb:1-4")
        #expect(node("1-4", nil).board == "microbit")
    }

    @Test("The same serial number, or the same place for one that was not yet provisioned, is the node that left")
    func returns() {
        #expect(node("1-5", "node1abc").isReturn(of: node("1-4", "node1abc")))
        #expect(node("1-4", "node1abc").isReturn(of: node("1-4", "0A1B")))
        #expect(node("1-4", "node1abc").isReturn(of: node("1-4", nil)))
        #expect(!node("1-5", "node1abc").isReturn(of: node("1-4", "0A1B")))
        #expect(!node("1-4", "node1xyz").isReturn(of: node("1-4", "node1abc")))
        #expect(!node("1-4", "node1abc", product: 2).isReturn(of: node("1-4", nil)))
    }

    @Test("A name that two nodes have, or that a shell would take for something else, is no name: the port is offered")
    func twins() {
        let nodes = [
            node("1-1", "SAME"), node("1-2", "same"), node("1-3", "OWN"), node("1-4", nil), node("1-5", "1-3"),
            node("1-6", "a b;c"),
        ]
        #expect(
            nodes.map { $0.locator(among: nodes).description } == [
                "usb:1-1", "usb:1-2", "usb:OWN", "usb:1-4", "usb:1-5", "usb:1-6",
            ])
        #expect(Set(nodes.map { $0.locator(among: nodes) }).count == nodes.count)
    }

    @Test("What an identity is called cannot become a line of the udev rule")
    func foreignRule() {
        let plain = UdevRule.text([(0x1209, 0x0001, "x")])
        for what in ["x\nRUN+=\"/bin/touch y\"", "x\r\nRUN", "x\u{2028}RUN", "x\\", "# x", "\u{1B}[2J"] {
            let rule = UdevRule.text([(0x1209, 0x0001, what)])
            #expect(rule.split(whereSeparator: \.isNewline).count == plain.split(whereSeparator: \.isNewline).count)
            #expect(!rule.contains("\\\n") && !rule.split(separator: "\n").contains { $0.hasPrefix("RUN") })
        }
    }

    @Test("The udev rule names every identity, and comes before the rules that hand nodes to people")
    func rule() {
        let rule = UdevRule.text([(0x1209, 0x0001, "light node"), (0x0483, 0xDF11, "bootloader")])
        for part in [
            #"ATTR{idVendor}=="1209", ATTR{idProduct}=="0001""#, #"ATTR{idVendor}=="0483", ATTR{idProduct}=="df11""#, "uaccess",
            #"ATTR{product}=="*CMSIS-DAP*""#, #"ATTR{product}=="*ST-Link*|"#,
        ] {
            #expect(rule.contains(part), "\(rule)")
        }
        #expect(UdevRule.fileName < "73-seat-late.rules")
        // A line that names a group which a system has not is dropped as a whole by systemd 254: what does not depend on it is another line.
        let lines = rule.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count == 8 && lines.allSatisfy { $0.contains("GROUP=") != $0.contains(#"TAG+="uaccess""#) })
        #expect(lines.filter { $0.contains(#"MODE="0660""#) && $0.contains(#"ENV{ID_MM_DEVICE_IGNORE}="1""#) }.count == 4)
    }
}
