// What the node sends unasked: a notification to whoever observes (RFC 7641), one at a time.

import Bytes
import CoAP
import DeviceModel
import HAL
import LightNode

extension NodeServer where Flash: ~Copyable, Board: ~Copyable {
    /// The oldest event that nobody has fetched. Observers are told of what passes here.
    @inline(never)
    public mutating func nextEvent() -> DeviceEvent? {
        guard let event = node.nextEvent() else { return nil }
        telemetryCount = 0
        observers.note(device: event.device)
        return event
    }

    /// Lets time pass. Call it every few milliseconds; `notification` is then to be sent if it is not empty.
    @inline(never)
    public mutating func poll() {
        node.poll()
        noticeRange = 0..<0
        let now = ticks()
        guard let index = observers.due(now: now) else { return }
        let resource = observers.resource(index)
        let count = renderNotice(resource)
        nextID &+= 1
        notificationWire = observers.wire(index)
        observers.noteSent(index, id: nextID, now: now)
        noticeNumber = (noticeNumber &+ 1) & 0xFF_FFFF
        var header = InlineArray<32, UInt8>(repeating: 0)
        var writer = CoAPWriter(header.mutableSpan, type: .confirmable, code: .content, id: nextID, token: observers.token(index))
        writer.option(CoAPOptionNumber.observe, uint: noticeNumber)
        writer.contentFormat(resource.format)
        // The mark of a payload, which follows from elsewhere.
        _ = writer.payload()
        let length = writer.count
        for at in 0..<length { notice[Self.noticeHeader &- length &+ at] = header[at] }
        noticeRange = (Self.noticeHeader &- length)..<(Self.noticeHeader &+ count)
    }

    /// The datagram that `poll` has made: empty when there is none.
    public var notification: RawSpan {
        @_lifetime(borrow self)
        get { notice.span.bytes.part(noticeRange.lowerBound, noticeRange.upperBound) }
    }

    /// Writes what is in force now; the length of it.
    @inline(never)
    private mutating func renderNotice(_ resource: Resource) -> Int {
        let body = notice.mutableSpan._consumingExtracting(Self.noticeHeader...)
        if let device = resource.device {
            telemetryCount = 0
            return node.writeState(of: device, reply: body)
        }
        if telemetryCount == 0 { telemetryCount = (try? node.writeTelemetry(reply: body)) ?? 0 }
        return telemetryCount
    }

    /// Uptime in steps of 1.024 ms.
    @inline(never)
    mutating func ticks() -> UInt32 { UInt32(truncatingIfNeeded: node.platform.microseconds() >> 10) }
}
