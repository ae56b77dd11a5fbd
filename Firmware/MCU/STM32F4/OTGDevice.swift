// The USB on-the-go full-speed controller (RM 22; Synopsys DWC2) as a device, without DMA: one packet at a time per endpoint.
//
// The FIFO memory of 320 words is divided once: 128 for reception, where 10 + 1 + 2 × (64 / 4 + 1) + 2 would do (RM 22.13.2), 32 for IN
// endpoint 0, 64 for each other. VBUS is not sensed, since boards use that pin otherwise: a pulled cable looks like a suspended bus.

import HAL

extension Base {
    /// OTG_FS (RM 22); clock: AHB2ENR bit 7.
    public static var otg: UInt { 0x5000_0000 }
}

/// OTG_FS with four endpoints in each direction. `start` comes first.
public struct OTGDevice<Registers: SharedRegisterBlock>: USBDeviceController, ~Copyable {
    private let inMemory = InMemory()
    let registers: Registers

    /// Endpoints in each direction, endpoint 0 included.
    private static var endpoints: UInt32 { 4 }
    /// Reads of a bit before a step of the controller counts as failed: tens of AHB cycles are usual, this is some 5 ms.
    static var patience: UInt32 { 50_000 }
    /// Reads that take 2 ms at least and 6 ms at most at 96 MHz: of an AHB peripheral, five to twelve cycles each with the loop.
    static var wakeupReads: UInt32 { 40_000 }

    private var setup = USBSetup(requestType: 0, request: 0, value: 0, index: 0, length: 0)
    /// The last packet of each OUT endpoint.
    private var packets = InlineArray<4, InlineArray<16, UInt32>>(repeating: InlineArray(repeating: 0))
    private var counts = InlineArray<4, Int>(repeating: 0)
    /// Bit n: the stack waits for OUT endpoint n, or for IN endpoint n at bit 16 + n.
    private var waiting: UInt32 = 0
    private var isConnected = false

    public static var controlPacketSize: UInt8 { 64 }

    /// Touches nothing: `start` brings it up. The registers are those of OTG_FS.
    @inline(__always) public init(_ registers: Registers) { self.registers = registers }

    // MARK: Start

    /// Brings the controller up, off the bus (RM 22.17.1, 22.17.3). Its clocks must run. False when it does not: there is no USB then.
    public mutating func start() -> Bool {
        registers.modify(OTG.ahbConfiguration, clear: GAHBCFG.interrupts)
        registers.modify(OTG.usbConfiguration, set: GUSBCFG.fullSpeedPHY)
        guard registers.wait(OTG.reset, GRSTCTL.idle, is: GRSTCTL.idle, patience: Self.patience) else { return false }
        registers.store(OTG.reset, GRSTCTL.core)
        guard registers.wait(OTG.reset, GRSTCTL.core, is: 0, patience: Self.patience),
            registers.wait(OTG.reset, GRSTCTL.idle, is: GRSTCTL.idle, patience: Self.patience)
        else { return false }
        registers.store(OTG.generalConfiguration, GCCFG.powerOn)
        registers.modify(
            OTG.usbConfiguration, clear: GUSBCFG.turnaroundMask,
            set: GUSBCFG.fullSpeedPHY | GUSBCFG.forceDevice | GUSBCFG.turnaround)
        // Forcing the mode takes up to 25 ms (RM 22.16.2, FDMOD).
        guard registers.wait(OTG.interruptStatus, GINT.hostMode, is: 0, patience: 10 * Self.patience) else { return false }
        registers.store(OTG.power, 0)
        registers.modify(OTG.deviceControl, set: DCTL.softDisconnect)
        // Only now, so that the pull-up has not been seen.
        registers.store(OTG.generalConfiguration, GCCFG.powerOn | GCCFG.noVBUSSensing)
        registers.modify(OTG.deviceConfiguration, set: DCFG.fullSpeed)
        setFIFOSizes()
        flush()
        registers.store(OTG.inMask, EPINT.transferComplete)
        registers.store(OTG.outMask, EPINT.transferComplete | EPINT.setup)
        registers.store(OTG.allInterruptsMask, 0)
        registers.store(OTG.interruptStatus, .max)
        registers.store(OTG.interruptMask, GINT.used)
        registers.modify(OTG.ahbConfiguration, set: GAHBCFG.interrupts)
        return true
    }

    private func setFIFOSizes() {
        registers.store(OTG.receiveFIFOSize, 128)
        registers.store(OTG.transmitFIFOSize(0), 32 << 16 | 128)
        registers.store(OTG.transmitFIFOSize(1), 64 << 16 | 160)
        registers.store(OTG.transmitFIFOSize(2), 64 << 16 | 224)
        registers.store(OTG.transmitFIFOSize(3), 16 << 16 | 288)
    }

    /// Empties all FIFOs.
    private func flush() {
        registers.store(OTG.reset, GRSTCTL.flushTransmit | GRSTCTL.fifo(0x10))
        _ = registers.wait(OTG.reset, GRSTCTL.flushTransmit, is: 0, patience: Self.patience)
        registers.store(OTG.reset, GRSTCTL.flushReceive)
        _ = registers.wait(OTG.reset, GRSTCTL.flushReceive, is: 0, patience: Self.patience)
    }

    public mutating func connect() {
        isConnected = true
        registers.modify(OTG.deviceControl, clear: DCTL.softDisconnect)
    }

    public mutating func disconnect() {
        isConnected = false
        registers.modify(OTG.deviceControl, set: DCTL.softDisconnect)
    }

    // MARK: Events

    /// What has ended is told before more is taken out of the receive FIFO, so that events keep their order.
    public mutating func nextEvent() -> USBEvent? {
        for _ in 0..<64 {
            let pending = registers.load(OTG.interruptStatus) & GINT.used
            if pending == 0 { return nil }
            if let event = take(pending) { return event }
        }
        return nil
    }

    @inline(never)
    private mutating func take(_ pending: UInt32) -> USBEvent? {
        if pending & GINT.reset != 0 {
            registers.store(OTG.interruptStatus, GINT.reset)
            prepareForReset()
        } else if pending & GINT.enumerated != 0 {
            registers.store(OTG.interruptStatus, GINT.enumerated)
            registers.modify(OTG.deviceControl, set: DCTL.clearGlobalInNAK | DCTL.clearGlobalOutNAK)
            registers.store(OTG.outSize(0), EPTSIZ.threeSetups)
            return .reset
        } else if pending & GINT.inEndpoint != 0 {
            return takeInInterrupt()
        } else if pending & GINT.outEndpoint != 0 {
            return takeOutInterrupt()
        } else if pending & GINT.receive != 0 {
            takeFromFIFO()
        } else {
            // Suspended or woken, or one after the other: what it is now counts.
            registers.store(OTG.interruptStatus, GINT.suspended | GINT.wakeup)
            if isConnected { return registers.load(OTG.deviceStatus) & DSTS.suspended != 0 ? .suspended : .resumed }
        }
        return nil
    }

    /// RM 22.17.5, "Endpoint initialization on USB reset".
    @inline(never)
    private mutating func prepareForReset() {
        waiting = 0
        for number in 0..<Self.endpoints {
            change(OTG.outControl(number), clear: EPCTL.stall, set: EPCTL.setNAK)
            disableIn(number)
            change(OTG.inControl(number), clear: EPCTL.stall)
            registers.store(OTG.inInterrupt(number), .max)
            registers.store(OTG.outInterrupt(number), .max)
        }
        flush()
        registers.modify(OTG.deviceConfiguration, clear: DCFG.addressMask)
        registers.store(OTG.allInterruptsMask, 1 << 16 | 1)
        registers.store(OTG.outSize(0), EPTSIZ.threeSetups)
    }

    private mutating func takeInInterrupt() -> USBEvent? {
        let pending = registers.load(OTG.allInterrupts) & registers.load(OTG.allInterruptsMask)
        for number in 0..<Self.endpoints where pending & (1 << number) != 0 {
            registers.store(OTG.inInterrupt(number), .max)
            if stopWaiting(1 << (16 + number)) { return .sent(0x80 | UInt8(truncatingIfNeeded: number)) }
        }
        return nil
    }

    private mutating func takeOutInterrupt() -> USBEvent? {
        let pending = (registers.load(OTG.allInterrupts) & registers.load(OTG.allInterruptsMask)) >> 16
        for number in 0..<Self.endpoints where pending & (1 << number) != 0 {
            let reasons = registers.load(OTG.outInterrupt(number))
            if reasons & EPINT.transferComplete != 0 {
                registers.store(OTG.outInterrupt(number), EPINT.transferComplete)
                if stopWaiting(1 << number) { return .received(UInt8(truncatingIfNeeded: number)) }
            } else if reasons & EPINT.setup != 0 {
                registers.store(OTG.outInterrupt(number), EPINT.setup)
                beginControl()
                return .setup(setup)
            } else {
                registers.store(OTG.outInterrupt(number), reasons)
            }
        }
        return nil
    }

    private mutating func stopWaiting(_ bit: UInt32) -> Bool {
        if waiting & bit == 0 { return false }
        waiting &= ~bit
        return true
    }

    /// The core itself ends a stall of endpoint 0 and makes both of its directions answer NAK.
    private mutating func beginControl() {
        waiting &= ~(1 << 16 | 1)
        disableIn(0)
        registers.store(OTG.inInterrupt(0), .max)
        registers.store(OTG.outSize(0), EPTSIZ.threeSetups)
    }

    /// One entry of the receive FIFO (RM 22.17.4, "Packet read").
    @inline(never)
    private mutating func takeFromFIFO() {
        let status = registers.load(OTG.receiveStatusPop)
        let number = status & 0xF
        let count = Int(status >> 4 & 0x7FF)
        switch status >> 17 & 0xF {
        case PKTSTS.setup:
            let low = registers.load(OTG.fifo(0))
            setup = USBSetup(low: low, high: registers.load(OTG.fifo(0)))
        case PKTSTS.data:
            for at in 0..<((count &+ 3) / 4) {
                let word = registers.load(OTG.fifo(0))
                if number < Self.endpoints && at < 16 { packets[Int(number)][at] = word }
            }
            if number < Self.endpoints { counts[Int(number)] = min(count, 64) }
        default: break
        }
    }

    // MARK: The stack's side

    /// Before the status stage: the core itself waits for its end (RM 22.17.3, "Endpoint initialization on SetAddress command").
    public mutating func setAddress(_ address: UInt8) {
        registers.modify(OTG.deviceConfiguration, clear: DCFG.addressMask, set: DCFG.address(UInt32(address & 0x7F)))
    }

    @inline(never)
    public mutating func open(_ endpoint: USBEndpoint) {
        let number = UInt32(endpoint.address & 0xF)
        guard number > 0, number < Self.endpoints else { return }
        let isIn = endpoint.address & 0x80 != 0
        let settings = UInt32(endpoint.packetSize) | EPCTL.type(UInt32(endpoint.type.rawValue)) | EPCTL.active | EPCTL.data0
        if isIn {
            disableIn(number)
            change(OTG.inControl(number), clear: EPCTL.stall | 0x7FF, set: settings | EPCTL.transmitFIFO(number))
        } else {
            // One that is armed stays so: nothing has come, and the next packet is as good as any.
            change(OTG.outControl(number), clear: EPCTL.stall | 0x7FF, set: settings)
        }
        waiting &= ~(1 << (isIn ? 16 + number : number))
        registers.modify(OTG.allInterruptsMask, set: 1 << (isIn ? number : 16 + number))
    }

    public mutating func close(_ address: UInt8) {
        let number = UInt32(address & 0xF)
        guard number > 0, number < Self.endpoints else { return }
        let isIn = address & 0x80 != 0
        if isIn { disableIn(number) }
        change(isIn ? OTG.inControl(number) : OTG.outControl(number), clear: EPCTL.active | EPCTL.stall, set: EPCTL.setNAK)
        registers.modify(OTG.allInterruptsMask, clear: 1 << (isIn ? number : 16 + number))
        waiting &= ~(1 << (isIn ? 16 + number : number))
    }

    public mutating func stall(_ address: UInt8) {
        let number = UInt32(address & 0xF)
        guard number < Self.endpoints else { return }
        if number == 0 || address & 0x80 != 0 {
            disableIn(number)
            change(OTG.inControl(number), set: EPCTL.stall)
            waiting &= ~(1 << (16 + number))
        }
        if number == 0 || address & 0x80 == 0 {
            change(OTG.outControl(number), set: EPCTL.stall)
            waiting &= ~(1 << number)
        }
    }

    /// Changes a control register. What is not meant to be done is not written back as if it were: between reading and writing, the core
    /// may have ended a transfer.
    private func change(_ control: UInt32, clear: UInt32 = 0, set: UInt32 = 0) {
        registers.modify(control, clear: clear | EPCTL.actions, set: set)
    }

    /// Takes back what is loaded (RM 22.17.5, "IN endpoint disable"), and empties the FIFO of what was.
    @inline(never)
    private mutating func disableIn(_ number: UInt32) {
        let control = OTG.inControl(number), interrupt = OTG.inInterrupt(number)
        if registers.load(control) & EPCTL.enable != 0 {
            change(control, set: EPCTL.setNAK)
            _ = registers.wait(interrupt, EPINT.nakEffective, is: EPINT.nakEffective, patience: Self.patience)
            change(control, set: EPCTL.disable | EPCTL.setNAK)
            _ = registers.wait(interrupt, EPINT.disabled, is: EPINT.disabled, patience: Self.patience)
            registers.store(interrupt, .max)
            registers.store(OTG.reset, GRSTCTL.flushTransmit | GRSTCTL.fifo(number))
            _ = registers.wait(OTG.reset, GRSTCTL.flushTransmit, is: 0, patience: Self.patience)
        }
    }

    @inline(never)
    public mutating func send(_ address: UInt8, _ packet: RawSpan) {
        let number = UInt32(address & 0xF)
        guard number < Self.endpoints else { return }
        let count = min(packet.byteCount, 64)
        waiting |= 1 << (16 + number)
        registers.store(OTG.inSize(number), EPTSIZ.packet(UInt32(truncatingIfNeeded: count)))
        change(OTG.inControl(number), set: EPCTL.enable | EPCTL.clearNAK)
        var at = 0
        while at < count {
            var word: UInt32 = 0
            for byte in 0..<min(4, count &- at) {
                word |= UInt32(packet.unsafeLoad(fromByteOffset: at &+ byte, as: UInt8.self)) << UInt32(8 &* byte)
            }
            registers.store(OTG.fifo(number), word)
            at &+= 4
        }
    }

    public mutating func accept(_ address: UInt8) {
        let number = UInt32(address & 0xF)
        guard number < Self.endpoints else { return }
        waiting |= 1 << number
        let isArmed = registers.load(OTG.outControl(number)) & EPCTL.enable != 0
        if !isArmed { registers.store(OTG.outSize(number), EPTSIZ.packet(64) | (number == 0 ? EPTSIZ.threeSetups : 0)) }
        change(OTG.outControl(number), set: (isArmed ? 0 : EPCTL.enable) | EPCTL.clearNAK)
    }

    public mutating func read(_ address: UInt8, into packet: inout MutableRawSpan) -> Int {
        let number = Int(address & 0xF)
        guard number < 4 else { return 0 }
        let count = min(counts[number], packet.byteCount)
        for at in 0..<count {
            let word = packets[number][at / 4]
            packet.storeBytes(of: UInt8(truncatingIfNeeded: word >> (UInt32(at & 3) * 8)), toByteOffset: at, as: UInt8.self)
        }
        return count
    }

    /// The bus must have been idle for 5 ms, of which suspension has seen 3; then 1 to 15 ms of signalling (USB 2.0, 7.1.7.7; RM 22.16.4,
    /// RWUSIG).
    public mutating func wakeHost() {
        pause()
        registers.modify(OTG.deviceControl, set: DCTL.remoteWakeup)
        pause()
        registers.modify(OTG.deviceControl, clear: DCTL.remoteWakeup)
    }

    private func pause() {
        for _ in 0..<Self.wakeupReads { _ = registers.load(OTG.deviceControl) }
    }
}
