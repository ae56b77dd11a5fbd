// A node and its server over simulated flash, for every suite that needs one. Faults are options of the flash, the world and the devices.

import HAL
import LightNode
import NodeServer
import SimulatedNOR

public typealias TestNode<Fitting: TestFitting> = Node<SimulatedNOR<4>, TestDevices<Fitting>, TestPlatform>
public typealias TestServer<Fitting: TestFitting> = NodeServer<SimulatedNOR<4>, TestDevices<Fitting>, TestPlatform>

/// Like the micro:bit's part: 16 pages of 1 KB.
public func blankPart(pages: Int = 16) -> SimulatedNOR<4> { SimulatedNOR<4>(pages: Array(repeating: 1024, count: pages)) }

extension NodeServer where Flash: ~Copyable, Board: ~Copyable {
    /// The answer to a datagram; empty when there is none.
    /// - Parameter isCut: it is the beginning of one that the wire had no room for.
    public mutating func exchange(_ datagram: [UInt8], isCut: Bool = false, from wire: WireNumber = .serial) -> [UInt8] {
        receive(datagram.span.bytes, isCut: isCut, from: wire)
        return answer.withUnsafeBytes { Array($0) }
    }

    /// A turn of the main loop; the notification that is sent in it.
    public mutating func turn() -> [UInt8] {
        poll()
        let sent = notification.withUnsafeBytes { Array($0) }
        while nextEvent() != nil {}
        return sent
    }
}
