// A light node's functions: slipmux over a pair of bulk endpoints, and the way into the bootloader.

import HAL

/// Interface 0 is slipmux, interface 1 the run-time half of DFU. All but `identify` and `pipe` is for the USB interrupt.
public struct NodeFunctions: USBFunctions, ~Copyable {
    private let inMemory = InMemory()
    /// What the main loop reads, writes and attaches by.
    public var pipe = USBPipe()
    private var board: StaticString = ""
    /// bcdDevice: the firmware's version.
    private var release: UInt16 = 0
    private var bootloader = BootloaderInterface()

    private static var outEndpoint: UInt8 { 0x01 }
    private static var inEndpoint: UInt8 { 0x81 }
    private static var packetSize: Int { 64 }

    private var isOutOpen = false
    private var isOutArmed = false
    private var isInOpen = false
    private var isInLoaded = false
    /// The packet that was loaded last, kept until it is acknowledged: a halt makes the controller forget it.
    private var packet = InlineArray<64, UInt8>(repeating: 0)
    private var packetCount = 0
    private var hasPacket = false
    /// The last packet was full: unless more follows, an empty one tells the host that this is all.
    private var needsEmptyPacket = false
    private var arrival = InlineArray<64, UInt8>(repeating: 0)

    /// Without a board's name and with version 0, until `identify`; not attached.
    public init() {}

    /// The board's name becomes part of the product's, the firmware's version bcdDevice, with a digit each for minor and patch. Call once,
    /// before interrupts.
    public mutating func identify(board: StaticString, version: (major: UInt8, minor: UInt8, patch: UInt8)) {
        self.board = board
        release = UInt16(version.major) << 8 | UInt16(min(version.minor, 9)) << 4 | UInt16(min(version.patch, 9))
    }

    /// Slipmux and DFU.
    public static var interfaceCount: UInt8 { 2 }

    public static func endpoint(_ index: Int) -> (interface: UInt8, endpoint: USBEndpoint)? {
        switch index {
        case 0: (InterfaceNumber.slipmux, USBEndpoint(outEndpoint, .bulk, packetSize: 64))
        case 1: (InterfaceNumber.slipmux, USBEndpoint(inEndpoint, .bulk, packetSize: 64))
        default: nil
        }
    }

    // MARK: Descriptors

    @inline(never)
    public mutating func describe(_ type: UInt8, _ index: UInt8, language: UInt16, to answer: inout USBAnswer) -> Bool {
        switch (type, index) {
        case (DescriptorType.device, 0):
            for at in 0..<18 { answer.append(deviceDescriptor[at]) }
            answer.replace(12, UInt8(truncatingIfNeeded: release))
            answer.replace(13, UInt8(truncatingIfNeeded: release >> 8))
            if pipe.serialCount > 0 { answer.replace(16, StringIndex.serialNumber.rawValue) }
        case (DescriptorType.configuration, 0): for at in 0..<50 { answer.append(configurationDescriptor[at]) }
        case (DescriptorType.bos, 0): for at in 0..<57 { answer.append(binaryObjectStore[at]) }
        case (DescriptorType.string, _): return describeString(index, language, to: &answer)
        default: return false
        }
        return true
    }

    /// English (United States), the language that hosts ask for.
    private static var language: UInt16 { 0x0409 }

    private func describeString(_ index: UInt8, _ language: UInt16, to answer: inout USBAnswer) -> Bool {
        answer.append(0 as UInt8)  // the length, below
        answer.append(DescriptorType.string)
        guard index == 0 || language == Self.language else { return false }
        switch index {
        case 0: answer.append(Self.language)
        case StringIndex.manufacturer.rawValue: answer.append(utf16: "lightnode")
        case StringIndex.product.rawValue:
            answer.append(utf16: "Light node ")
            answer.append(utf16: board)
        case StringIndex.serialNumber.rawValue:
            guard pipe.serialCount > 0 else { return false }
            for at in 0..<pipe.serialCount { answer.append(UInt16(pipe.serialByte(at))) }
        case StringIndex.slipmux.rawValue: answer.append(utf16: "slipmux")
        case StringIndex.bootloader.rawValue: answer.append(utf16: "bootloader")
        default: return false
        }
        answer.replace(0, UInt8(truncatingIfNeeded: answer.count))
        return true
    }

    // MARK: Requests

    @inline(never)
    public mutating func handle(_ setup: USBSetup, isConfigured: Bool, to answer: inout USBAnswer) -> Bool {
        // Vendor request to the device, with data for the host. WebUSB's has nothing to give: there is no landing page.
        if setup.requestType == 0xC0, setup.request == VendorRequest.microsoft,
            setup.index == MicrosoftDescriptors.requestIndex, setup.value == 0
        {
            MicrosoftDescriptors.write(to: &answer)
            return true
        }
        guard isConfigured, setup.index == UInt16(InterfaceNumber.bootloader) else { return false }
        return bootloader.handle(setup, to: &answer)
    }

    public mutating func finish(_ setup: USBSetup) {
        if bootloader.isDetaching { pipe.wantBootloader() }
    }

    // MARK: The bulk pair

    @inline(never)
    public mutating func endpointChanged(_ address: UInt8, isOpen: Bool) {
        if address == Self.outEndpoint {
            isOutOpen = isOpen
            isOutArmed = false
            if !isOpen { pipe.setWaitsForRoom(false) }
        } else {
            isInOpen = isOpen
            isInLoaded = false
        }
    }

    /// A host that has just come is not told what was meant for the one before.
    @inline(never)
    public mutating func configurationChanged(isConfigured: Bool) {
        pipe.setConfigured(isConfigured)
        hasPacket = false
        needsEmptyPacket = false
        while pipe.outgoing.pop() != nil {}
        bootloader = BootloaderInterface()
    }

    @inline(never)
    public mutating func received<Controller: USBDeviceController & ~Copyable>(_ address: UInt8, _ controller: inout Controller) {
        isOutArmed = false
        var span = arrival.mutableSpan
        var bytes = span.mutableBytes
        let count = controller.read(address, into: &bytes)
        for index in 0..<min(count, Self.packetSize) { pipe.incoming.push(arrival[index]) }
    }

    public mutating func sent(_ address: UInt8) {
        guard isInLoaded else { return }
        isInLoaded = false
        hasPacket = false
        needsEmptyPacket = packetCount == Self.packetSize
    }

    @inline(never)
    public mutating func service<Controller: USBDeviceController & ~Copyable>(_ controller: inout Controller) {
        if isOutOpen && !isOutArmed {
            // In this order: room made between the two is not overlooked.
            pipe.setWaitsForRoom(true)
            if pipe.incoming.room >= Self.packetSize {
                pipe.setWaitsForRoom(false)
                isOutArmed = true
                controller.accept(Self.outEndpoint)
            }
        }
        if isInOpen && !isInLoaded {
            if !hasPacket { fillPacket() }
            if hasPacket {
                isInLoaded = true
                controller.send(Self.inEndpoint, packet.span.bytes.extracting(0..<packetCount))
            }
        }
    }

    private mutating func fillPacket() {
        packetCount = 0
        while packetCount < Self.packetSize, let byte = pipe.outgoing.pop() {
            packet[packetCount] = byte
            packetCount &+= 1
        }
        hasPacket = packetCount > 0 || needsEmptyPacket
        needsEmptyPacket = false
    }

    public var wantsHost: Bool { hasPacket || !pipe.outgoing.isEmpty }
    public var wantsAttachment: Bool { pipe.wantsAttachment }
}
