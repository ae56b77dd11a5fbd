import HAL
import RegisterModels
import Testing

@testable import STM32F4
@testable import USBRig

@Suite("The USB controller of the STM32F4") struct OTGTests {
    private func faulty(_ change: (inout OTGFaults) -> Void) -> OTGRig {
        var faults = OTGFaults()
        change(&faults)
        return OTGRig(faults)
    }

    private func attached() -> (OTGRig, USBHost) {
        let rig = OTGRig()
        rig.attach(serial: "1")
        return (rig, USBHost(rig))
    }

    @Test("It starts off the bus, and shows the pull-up only when connected")
    func start() {
        let rig = OTGRig()
        #expect(rig.hasStarted && !rig.isConnected)
        #expect(rig.model.words[0x014] == nil || rig.model.words[0x014] == 0)
        rig.attach(serial: "1")
        #expect(rig.isConnected)
        #expect(rig.violations == [])
    }

    @Test("A core that does not come up is given up after a bounded number of reads, and the node goes on without USB")
    func brokenStart() {
        for rig in [faulty { $0.ahbIsBusy = true }, faulty { $0.coreResetHangs = true }, faulty { $0.modeIsStuck = true }] {
            #expect(!rig.hasStarted)
            #expect(rig.model.loads < 1_000_000)
        }
    }

    @Test("A core in which flushing or disabling an endpoint never ends does not hang the firmware")
    func hanging() throws {
        for rig in [faulty { $0.flushHangs = true }, faulty { $0.disablingHangs = true }] {
            let host = USBHost(rig)
            rig.attach(serial: "1")
            try host.enumerate()
            rig.write([1, 2, 3])
            let before = rig.model.loads
            #expect(rig.setup(USBHost.bytes(0x02, 3, 0, 0x81, 0)) == .ack)
            #expect(rig.model.loads - before < 10 * 50_000)
        }
    }

    @Test("A slow core is waited for", arguments: [0, 1, 100, 10_000])
    func slow(reads: Int) throws {
        let rig = faulty { $0.slowness = reads }
        #expect(rig.hasStarted)
        rig.attach(serial: "1")
        let host = USBHost(rig)
        try host.enumerate()
        #expect(try host.control(0x80, 8, length: 1) == [1])
        #expect(rig.violations == [])
    }

    @Test("An interrupt that comes late finds several things and tells them in their order")
    func late() throws {
        let (rig, host) = attached()
        // Reset and its end at once.
        rig.isBusy = true
        rig.model.beginReset()
        rig.model.endReset()
        rig.isBusy = false
        rig.step()
        #expect(rig.state == "default")
        // The end of SET_ADDRESS's status stage, and the next SETUP packet, before the interrupt runs.
        #expect(rig.setup(USBHost.bytes(0x00, 5, 33, 0, 0)) == .ack)
        #expect(rig.in(0x80, acknowledges: false) == .data(toggle: 1, []))
        rig.isBusy = true
        #expect(rig.in(0x80) == .data(toggle: 1, []))
        #expect(rig.setup(USBHost.bytes(0x80, 6, 0x0100, 0, 8)) == .ack)
        rig.isBusy = false
        rig.step()
        #expect(rig.state == "address")
        #expect(try host.controlPacket(toggle: 1)?.count == 8)
        // The host's status stage and the next SETUP packet.
        rig.isBusy = true
        try host.status()
        #expect(rig.setup(USBHost.bytes(0x00, 9, 1, 0, 0)) == .ack)
        rig.isBusy = false
        rig.step()
        #expect(rig.in(0x80) == .data(toggle: 1, []))
        #expect(rig.state == "configured")
        // Data in both directions and a SETUP packet.
        rig.write([1, 2, 3])
        rig.isBusy = true
        #expect(rig.out(1, toggle: 0, [7, 8, 9]) == .ack)
        #expect(rig.in(0x81) == .data(toggle: 0, [1, 2, 3]))
        #expect(rig.setup(USBHost.bytes(0x80, 8, 0, 0, 1)) == .ack)
        #expect(rig.out(1, toggle: 1, [10]) == .nak)
        rig.isBusy = false
        rig.step()
        #expect(rig.read() == [7, 8, 9])
        #expect(try host.controlPacket(toggle: 1) == [1])
        #expect(rig.violations == [])
    }

    @Test("Of several SETUP packets at once the last counts, up to the three that the core takes")
    func backToBack() throws {
        let (rig, host) = attached()
        try host.enumerate()
        rig.isBusy = true
        #expect(rig.setup(USBHost.bytes(0x80, 6, 0x0100, 0, 18)) == .ack)
        #expect(rig.setup(USBHost.bytes(0x00, 9, 0, 0, 0)) == .ack)
        #expect(rig.setup(USBHost.bytes(0x80, 8, 0, 0, 1)) == .ack)
        rig.isBusy = false
        rig.step()
        #expect(try host.controlPacket(toggle: 1) == [1])
        try host.status()
        #expect(rig.state == "configured")
        #expect(try host.control(0x80, 8, length: 1) == [1])
        #expect(rig.violations == [])
    }

    @Test("Suspended and woken before the interrupt runs is not suspended")
    func brief() throws {
        let rig = OTGRig()
        rig.attach(serial: "1")
        try USBHost(rig).enumerate()
        rig.isBusy = true
        rig.model.suspend()
        rig.model.resume()
        rig.isBusy = false
        rig.step()
        #expect(!rig.isSuspended)
    }

    @Test("Entries of the receive FIFO that mean nothing here are dropped with their data")
    func strange() throws {
        let (rig, host) = attached()
        try host.enumerate()
        rig.model.received.append(.init(status: 1 << 17))  // global OUT NAK
        rig.model.received.append(.init(status: 2 << 17 | 12 << 4 | 9, words: [1, 2, 3]))  // an endpoint that does not exist
        rig.model.received.append(.init(status: 2 << 17 | 100 << 4 | 3, words: [UInt32](repeating: 5, count: 25)))
        rig.step()
        #expect(rig.model.received.isEmpty)
        #expect(try host.control(0x80, 8, length: 1) == [1])
        #expect(rig.violations == [])
    }

    // Offsets and bits as libopencm3 has them (include/libopencm3/usb/dwc/otg_common.h), a header that others wrote and use on this chip.
    @Test("Registers and bits are those that another project's header names")
    func header() {
        let offsets: [(UInt32, UInt32)] = [
            (OTG.ahbConfiguration, 0x008), (OTG.usbConfiguration, 0x00C), (OTG.reset, 0x010), (OTG.interruptStatus, 0x014),
            (OTG.interruptMask, 0x018), (OTG.receiveStatusPop, 0x020), (OTG.receiveFIFOSize, 0x024),
            (OTG.generalConfiguration, 0x038), (OTG.deviceConfiguration, 0x800), (OTG.deviceControl, 0x804),
            (OTG.deviceStatus, 0x808), (OTG.inMask, 0x810), (OTG.outMask, 0x814), (OTG.allInterrupts, 0x818),
            (OTG.allInterruptsMask, 0x81C), (OTG.power, 0xE00), (OTG.transmitFIFOSize(0), 0x028),
            (OTG.transmitFIFOSize(1), 0x104), (OTG.transmitFIFOSize(3), 0x10C), (OTG.inControl(3), 0x960),
            (OTG.outControl(2), 0xB40), (OTG.inInterrupt(1), 0x928), (OTG.outInterrupt(1), 0xB28), (OTG.inSize(1), 0x930),
            (OTG.outSize(1), 0xB30), (OTG.fifo(0), 1 << 12), (OTG.fifo(1), 2 << 12),
        ]
        for (ours, theirs) in offsets { #expect(ours == theirs) }
        let bits: [(UInt32, UInt32)] = [
            (GAHBCFG.interrupts, 0x1), (GUSBCFG.fullSpeedPHY, 1 << 6), (GUSBCFG.turnaroundMask, 0xF << 10),
            (GUSBCFG.forceDevice, 0x4000_0000), (GRSTCTL.core, 1), (GRSTCTL.flushReceive, 1 << 4),
            (GRSTCTL.flushTransmit, 1 << 5), (GRSTCTL.fifo(0x10), 0x10 << 6), (GRSTCTL.idle, 1 << 31), (GINT.hostMode, 1),
            (GINT.receive, 0x10), (GINT.suspended, 0x800), (GINT.reset, 0x1000), (GINT.enumerated, 0x2000),
            (GINT.inEndpoint, 0x4_0000), (GINT.outEndpoint, 0x8_0000), (GINT.wakeup, 0x8000_0000), (GCCFG.powerOn, 1 << 16),
            (GCCFG.noVBUSSensing, 1 << 21), (DCFG.fullSpeed, 3), (DCFG.addressMask, 0x7F0), (DCTL.remoteWakeup, 1),
            (DCTL.softDisconnect, 2), (DCTL.clearGlobalOutNAK, 1 << 10), (DSTS.suspended, 1), (EPCTL.active, 1 << 15),
            (EPCTL.type(3), 3 << 18), (EPCTL.stall, 1 << 21), (EPCTL.transmitFIFO(0xF), 0xF << 22), (EPCTL.clearNAK, 1 << 26),
            (EPCTL.setNAK, 1 << 27), (EPCTL.data0, 1 << 28), (EPCTL.disable, 1 << 30), (EPCTL.enable, 1 << 31),
            (EPINT.transferComplete, 1), (EPINT.disabled, 2), (EPINT.setup, 8), (EPINT.nakEffective, 1 << 6),
            (EPTSIZ.packet(0), 1 << 19), (EPTSIZ.threeSetups, 3 << 29), (PKTSTS.data, 2), (PKTSTS.setup, 6),
        ]
        for (ours, theirs) in bits { #expect(ours == theirs) }
    }
}
