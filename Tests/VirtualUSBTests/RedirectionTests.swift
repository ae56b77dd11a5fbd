import Foundation
import SimulatedUSB
import Testing
import VirtualUSB

@Suite("A device exported by usbredir, seen by unmodified programs under umockdev")
struct RedirectionTests {
    @Test("lsusb reads all of its descriptors")
    func list() throws {
        let bus = try ExportedDevice(EchoDevice())
        let listed = try bus.run(["lsusb", "-v"])
        #expect(listed.status == 0, "\(listed.error)")
        for line in [
            "idVendor           0x1209", "iSerial                 3 E0001", "bEndpointAddress     0x81  EP 1 IN",
            "Binary Object Store Descriptor",
        ] {
            #expect(listed.output.contains(line), "\(listed.output)\(listed.error)")
        }
        #expect(bus.controller.violations.isEmpty, "\(bus.controller.violations)")
    }
}
