import Flashing
import Testing
import Transport

@testable import lightnode

/// Which node is asked after a flash: never another one than the device that was written.
@Suite("The node that comes back after a flash") struct NodeReturnTests {
    private func device(_ via: WayName, _ serial: String, port: String = "1-2") -> FlashCandidate {
        FlashCandidate(via: via, serial: serial, port: port, note: "")
    }

    private func usb(_ name: String) -> NodeCandidate { NodeCandidate(.usb(serialNumber: name)) }
    private func line(_ path: String, _ note: String = "") -> NodeCandidate { NodeCandidate(.serial(path: path), note: note) }

    @Test("one at the port that was written is taken, whatever it is called now")
    func port() {
        let found = NodeReturn.locator(of: device(.dfu, "SAME"), ports: ["1-1", "1-2"], found: [usb("SAME"), usb("node1x")])
        #expect(found == .usb(serialNumber: "1-2"))
    }

    @Test("one of two with its name is not taken: they are told apart by nothing")
    func ambiguous() {
        #expect(
            NodeReturn.locator(of: device(.dfu, "A"), ports: ["1-1"], found: [line("/dev/a", "A"), line("/dev/b", "A")]) == nil)
    }

    @Test("a name that is a part of another's is not its name")
    func part() {
        let found = [line("/dev/a", "probe 10"), line("/dev/b", "probe_1_x")]
        #expect(NodeReturn.locator(of: device(.openocd, "1"), ports: [], found: found) == .serial(path: "/dev/b"))
        #expect(NodeReturn.locator(of: device(.openocd, "2"), ports: [], found: found) == nil)
    }

    @Test("the only one there is taken; an emulated board is neither it nor in its way")
    func only() {
        let emulated = NodeCandidate(.emulated(name: "kitchen"))
        #expect(
            NodeReturn.locator(of: device(.openocd, "A"), ports: [], found: [line("/dev/a"), emulated]) == .serial(path: "/dev/a")
        )
        #expect(NodeReturn.locator(of: device(.openocd, "A"), ports: [], found: [emulated]) == nil)
        #expect(NodeReturn.locator(of: device(.emulated, "k", port: "k"), ports: [], found: []) == .emulated(name: "k"))
    }
}
