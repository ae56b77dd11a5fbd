// The wire under the emulated board's USB: packets by the ten thousand, and not one without its answer.
import Foundation
import Synchronization
import Testing
import VirtualUSB

@Suite("The wire of the emulated USB", .serialized)
struct USBWireTests {
    /// LIGHTNODE_USB_RESETS=1000 looks longer.
    static let resets = ProcessInfo.processInfo.environment["LIGHTNODE_USB_RESETS"].flatMap { Int($0) } ?? 200

    /// Threads that take every processor from QEMU now and then, so that interrupts come late and sockets fill up.
    private final class Load: @unchecked Sendable {
        private let isOver = Atomic(false)
        init() {
            for _ in 0..<2 * ProcessInfo.processInfo.activeProcessorCount {
                Thread { [self] in
                    while !isOver.load(ordering: .relaxed) {
                        let end = Date().addingTimeInterval(.random(in: 0.0005...0.005))
                        while Date() < end {}
                        usleep(.random(in: 0...3000))
                    }
                }.start()
            }
        }
        func end() { isOver.store(true, ordering: .relaxed) }
    }

    @Test("Bus resets and enumerations one after another, on a computer with other work: every packet is answered")
    func enumerations() throws {
        let rig = try USBRig()
        let load = Load()
        defer { load.end() }
        let before = rig.controller.transactions
        for round in 0..<Self.resets {
            try #require(rig.controller.reset(timeout: 60), "reset \(round): \(rig.complaints)")
            try #require(rig.complaints.isEmpty, "reset \(round): \(rig.complaints)")
        }
        let packets = rig.controller.transactions - before
        #expect(packets > 50 * Self.resets, "only \(packets) packets")
    }
}
