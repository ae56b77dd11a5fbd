// What happens in devices, numbered and signed for whoever observes it: docs/protocol.md, "Observing".

import Bytes
import CBOR
import COSE
import DeviceModel
import Ed25519
import HAL
import Vocabulary

/// The newest samples. They are numbered from 0 on since power-on, so whoever missed some sees the gap.
struct SampleWindow: ~Copyable {
    static var capacity: Int { 8 }

    private let inMemory = InMemory()
    /// By number modulo the capacity: device, kind and kind of the value in a byte each; the value; milliseconds since power-on.
    private var sources = InlineArray<8, UInt32>(repeating: 0)
    private var integers = InlineArray<8, Int32>(repeating: 0)
    private var times = InlineArray<8, UInt32>(repeating: 0)
    /// The number of the oldest sample that is still there.
    private(set) var first: UInt32 = 0
    private(set) var count = 0

    /// Takes what the devices' queue gave; `lost` is how many it has dropped since power-on.
    @inline(never)
    mutating func note(_ event: DeviceEvent, milliseconds: UInt32, lost: UInt32) {
        // Numbers rise by one with each event that was fetched or dropped.
        let number = fetched &+ lost
        fetched &+= 1
        if number != first &+ UInt32(count) { (first, count) = (number, 0) }
        if count == SampleWindow.capacity { first &+= 1 } else { count += 1 }
        let at = Int(number & 7)
        sources[at] = UInt32(event.device) | UInt32(event.kind) << 8 | UInt32(event.value.kind.rawValue) << 16
        integers[at] = event.value.integer
        times[at] = milliseconds
    }
    private var fetched: UInt32 = 0

    /// One `sample` of the wire format.
    @inline(never)
    func write(_ number: UInt32, _ declaration: Declaration, to writer: inout CBORWriter) {
        let at = Int(number & 7)
        writer.array(4)
        writer.text(declaration.name)
        let kind = UInt8(truncatingIfNeeded: sources[at] >> 8)
        if kind != DeviceEvent.changed, let name = declaration.interface.event(Int(kind)) {
            writer.text(name)
        } else {
            writer.null()
        }
        writer.value(LogValue(kind: UInt8(truncatingIfNeeded: sources[at] >> 16), bits: UInt32(bitPattern: integers[at])))
        writer.uint(UInt64(times[at]))
    }

    func device(_ number: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: sources[Int(number & 7)]) }
}

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// The oldest event that nobody has fetched, numbered as a sample.
    public mutating func nextEvent() -> DeviceEvent? {
        guard let event = devices.nextEvent() else { return nil }
        samples.note(event, milliseconds: milliseconds(), lost: devices.events.lost)
        return event
    }

    @inline(never)
    private mutating func milliseconds() -> UInt32 { UInt32(truncatingIfNeeded: platform.microseconds() / 1000) }

    /// Signs the newest samples: one signature for up to eight.
    public mutating func writeTelemetry(reply: consuming MutableSpan<UInt8>) throws(Refusal) -> Int {
        try checkIdentity()
        guard memory.boot != 0 else { throw .storeFailed }
        let uptime = platform.microseconds()
        var writer = COSESign1Writer(reply)
        writer.payload.beginDeviceClaims(
            issuer: identity.address.text.span.bytes, epoch: ownership.epoch, count: time.isKnown ? 6 : 5)
        writer.payload.entry(NodeKey.boot, memory.boot)
        writer.payload.entry(NodeKey.uptime, uptime / 1000)
        writer.payload.entry(NodeKey.first, UInt64(samples.first))
        writer.payload.key(NodeKey.samples)
        writer.payload.array(samples.count)
        for number in 0..<UInt32(truncatingIfNeeded: samples.count) {
            let number = samples.first &+ number
            if let device = Table.describe(samples.device(number)) { samples.write(number, device, to: &writer.payload) }
        }
        if time.isKnown { writer.payload.entry(NodeKey.time, time.earliest(uptime: uptime)) }
        return try sign(&writer, type: .telemetry)
    }

    /// Throws unless the device has an identity to answer with.
    @inline(never)
    func checkIdentity() throws(Refusal) {
        guard condition == .unowned || condition == .owned else { throw condition == .damaged ? .damaged : .wrongState }
    }
}
