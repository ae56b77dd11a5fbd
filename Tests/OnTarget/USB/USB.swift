// The USB device stack as it is compiled for the chip: what a host's first look and a full wire cost. The host is a list of frames in RAM.
import FirmwareTesting
import HAL
import MCU
import USBDevice

/// Both directions of the virtual controller's wire.
struct Wire: VirtualUSBLine, ~Copyable {
    private let inMemory = InMemory()
    private var toDevice = InlineArray<128, UInt8>(repeating: 0)
    private var head = 0
    private var tail = 0
    /// What the device sent last, and how much in all.
    private var toHost = InlineArray<512, UInt8>(repeating: 0)
    var sent = 0

    mutating func readByte() -> UInt8? {
        if head == tail { return nil }
        head += 1
        return toDevice[head - 1]
    }
    mutating func writeByte(_ byte: UInt8) {
        toHost[sent & 511] = byte
        sent += 1
    }
    var room: Int { 512 }

    mutating func put(_ byte: UInt8) {
        if head == tail { (head, tail) = (0, 0) }
        toDevice[tail] = byte
        tail += 1
    }
    subscript(index: Int) -> UInt8 { toHost[index & 511] }
}

nonisolated(unsafe) private var usb = USBDevice(VirtualUSB(Wire()), NodeFunctions())

/// One frame to the device, and the device's interrupt. Where the answer begins.
@inline(never)
@discardableResult
private func frame(_ kind: UInt8, _ endpoint: UInt8 = 0, _ count: Int = 0, _ byte: (Int) -> UInt8 = { _ in 0 }) -> Int {
    usb.controller.line.put(kind)
    usb.controller.line.put(endpoint)
    usb.controller.line.put(UInt8(count))
    usb.controller.line.put(0)
    for index in 0..<count { usb.controller.line.put(byte(index)) }
    usb.controller.line.put(0xA5)
    let before = usb.controller.line.sent
    usb.service()
    return before
}

/// A control transfer without data or with data for the host; their number, nil for STALL.
@inline(never)
private func control(_ low: UInt32, _ high: UInt32) -> Int? {
    frame(2, 0, 8) { UInt8(truncatingIfNeeded: ($0 < 4 ? low : high) >> UInt32(($0 & 3) * 8)) }
    let length = Int(high >> 16)
    var count = 0
    while true {
        let at = frame(4, 0x80)
        if usb.controller.line[at] != 0x81 { return nil }
        let packet = Int(usb.controller.line[at + 2]) - 1
        frame(5, 0x80)
        count += packet
        if packet < 64 || count >= length { break }
    }
    if length > 0 { frame(3, 0, 1) { _ in 1 } }
    return count
}

@inline(never)
private func descriptor(_ type: UInt32, _ index: UInt32, language: UInt32 = 0, _ length: UInt32) -> Int? {
    control(0x0680 | index << 16 | type << 24, language | length << 16)
}

@main enum USB: FirmwareSuite {
    private static func attach() {
        usb.functions.identify(board: "mps2-an386", version: (0, 1, 0))
        let serial: InlineArray<4, UInt8> = [0x31, 0x32, 0x33, 0x34]
        usb.functions.pipe.attach(serial: serial.span.bytes)
        usb.service()
    }

    /// What Linux asks a device with three strings.
    private static func enumerate() {
        frame(1)
        expect(descriptor(1, 0, 64) == 18)
        expect(control(0x0005_0500, 0) == 0)
        expect(descriptor(1, 0, 18) == 18)
        expect(descriptor(15, 0, 5) == 5)
        expect(descriptor(15, 0, 57) == 57)
        expect(descriptor(6, 0, 10) == nil)
        expect(descriptor(2, 0, 9) == 9)
        expect(descriptor(2, 0, 50) == 50)
        expect(descriptor(3, 0, 255) == 4)
        expect(descriptor(3, 2, language: 0x409, 255) == 2 + 2 * 21)
        expect(descriptor(3, 1, language: 0x409, 255) == 2 + 2 * 9)
        expect(descriptor(3, 3, language: 0x409, 255) == 2 + 2 * 4)
        expect(control(0x0001_0900, 0) == 0)
        expect(descriptor(3, 4, language: 0x409, 255) == 2 + 2 * 7)
        expect(descriptor(3, 5, language: 0x409, 255) == 2 + 2 * 10)
        expect(usb.state == .configured)
    }

    @used static func `a host's first look`() {
        // A tenth above what was measured, here and below.
        limit(instructions: 46_000)
        limit(stack: 608)
        attach()
        enumerate()
    }

    @used static func `a kilobyte from the host and one to it arrive whole`() {
        limit(instructions: 267_000)
        limit(stack: 920)
        attach()
        enumerate()
        var toggle: UInt8 = 0
        for packet in 0..<16 {
            let at = frame(3, 0x01, 65) { $0 == 0 ? toggle : UInt8(truncatingIfNeeded: packet * 64 + $0) }
            // A ring that holds one byte less than a kilobyte is drained in between.
            expect(usb.controller.line[at + 4] == 2)
            for index in 1...64 {
                let (byte, isRoomAwaited) = usb.functions.pipe.readByte()
                expect(byte == UInt8(truncatingIfNeeded: packet * 64 + index))
                if isRoomAwaited { usb.service() }
            }
            toggle ^= 1
        }
        for index in 0..<1024 { usb.functions.pipe.outgoing.push(UInt8(truncatingIfNeeded: index &* 3)) }
        usb.service()
        for packet in 0..<16 {
            let at = frame(4, 0x81)
            expect(usb.controller.line[at] == 0x81)
            expect(usb.controller.line[at + 2] == 65)
            for index in 0..<64 {
                expect(usb.controller.line[at + 5 + index] == UInt8(truncatingIfNeeded: (packet * 64 + index) &* 3))
            }
            frame(5, 0x81)
        }
        // 16 full packets are a transfer only with an empty one behind them.
        let at = frame(4, 0x81)
        expect(usb.controller.line[at + 2] == 1)
    }
}
