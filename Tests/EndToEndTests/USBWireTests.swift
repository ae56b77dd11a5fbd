// The wire under the emulated board's USB: packets by the ten thousand, and not one without its answer.
import Emulation
import Foundation
import SplitMix
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

    /// A watchdog, a fault, a hand on the button: bytes that were on the wire are lost, and the answer that was due never comes.
    @Test("The chip is reset in the middle of whatever is on the wire: the device leaves, and comes back")
    func chipResets() throws {
        let rig = try USBRig()
        var generator = SplitMix(state: 7)
        for round in 0..<60 {
            let isOver = Atomic(false)
            let requests = Thread {
                while !isOver.load(ordering: .relaxed) { _ = rig.controller.control(.descriptor(2, length: 255), timeout: 60) }
            }
            requests.start()
            usleep(UInt32.random(in: 0...20_000, using: &generator))
            try rig.board.reset()
            try #require(rig.controller.waitForDeparture(timeout: 60), "reset \(round): it stayed; \(rig.complaints)")
            isOver.store(true, ordering: .relaxed)
            try #require(rig.controller.waitForDevice(timeout: 60) != nil, "reset \(round): \(rig.complaints)")
            try #require(rig.complaints.isEmpty, "reset \(round): \(rig.complaints)")
            while !requests.isFinished { usleep(1000) }
        }
    }
}
