import Testing
import USBRig

/// What the device runs on. Every test of behaviour runs on all.
enum Kind: CaseIterable {
    case virtual, otg

    func make() -> any SimulatedBus {
        switch self {
        case .virtual: VirtualRig()
        case .otg: OTGRig()
        }
    }

    /// A host with the device on its bus, reset.
    func attached(serial: String = "00C0FFEE00C0FFEE") -> USBHost {
        let host = USBHost(make())
        host.rig.attach(serial: serial)
        host.reset()
        return host
    }

    func configured() throws -> USBHost {
        let host = attached()
        try host.enumerate()
        return host
    }
}

/// Bytes that differ from their neighbours.
func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) } }
