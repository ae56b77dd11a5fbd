// The I2C controller in master mode (RM 18.3.3 and 18.6), with one part of 256 bytes and an address pointer on its bus. The rules of
// figures 163 to 166 are checked: a byte too many that the controller fetches shows in `clocked`.

import RegisterModels
import SimulatedPins

final class I2CModel: RegisterModel, @unchecked Sendable {
    enum Phase: Equatable {
        case idle
        case started
        case addressed(isRead: Bool)
        case transmitting
        case receiving
    }
    private var part = I2CMemory((0..<256).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) })
    var memory: [UInt8] { part.bytes }
    let address: UInt8
    /// Faults.
    var isStuck = false
    var hangs = false
    var loses = false

    private(set) var phase = Phase.idle
    /// Bytes in the shift register and the data register while receiving.
    private var shift: UInt8?
    private var held: UInt8?
    private var isAcknowledgeOff = false
    private var hasReadStatus1 = false
    /// Bytes that went over the bus in the last read.
    private(set) var clocked = 0
    private(set) var stops = 0

    init(address: UInt8) {
        self.address = address
        super.init()
    }

    private var status: UInt32 {
        get { self[0x14] }
        set { self[0x14] = newValue }
    }

    override func load(_ offset: UInt32) -> UInt32 {
        switch offset {
        case 0x14:
            if hangs { return 0 }
            if loses && phase == .started { return 1 << 9 }
            hasReadStatus1 = true
            if phase == .receiving { fetch() }
            return status
        case 0x18:
            if hasReadStatus1, case .addressed(let isRead) = phase {
                status &= ~(1 << 1)
                phase = isRead ? .receiving : .transmitting
                if !isRead { status |= 1 << 7 }
                // With POS the acknowledge bit is for the byte after the next.
                isAcknowledgeOff = !self[0].bit(10) && !self[0].bit(11)
                isLastBut = self[0].bit(11) && !self[0].bit(10) ? 1 : 0
            }
            return isStuck || phase != .idle ? 1 << 1 : 0
        case 0x10:
            let byte = held ?? 0
            if held == nil && phase == .receiving { violations.append("DR read while empty") }
            held = shift
            shift = nil
            update()
            return UInt32(byte)
        default: return super.load(offset)
        }
    }

    private var isLastBut = 0
    private var isFinished = false

    /// The bus moves on whenever the driver looks: a byte comes in while there is room and it was not told to end.
    private func fetch() {
        if isFinished || (held != nil && shift != nil) { return }
        let byte = part.bytes[part.pointer]
        part.pointer = (part.pointer + 1) & 255
        clocked += 1
        if held == nil { held = byte } else { shift = byte }
        // Acknowledge as the bit stands now; POS delays it by one byte.
        let refuses = isLastBut > 0 ? clocked > 1 : isAcknowledgeOff || !self[0].bit(10)
        if refuses { isFinished = true }
        update()
        if isFinished && self[0].bit(9) { stop() }
    }

    private func update() {
        status = status & ~(1 << 6 | 1 << 2) | (held != nil ? 1 << 6 : 0) | (held != nil && shift != nil ? 1 << 2 : 0)
    }

    override func store(_ offset: UInt32, _ value: UInt32) {
        switch offset {
        case 0x00: control(value)
        case 0x10: send(UInt8(truncatingIfNeeded: value))
        case 0x14: status &= value | 0xFF  // error bits are cleared by writing 0
        default: super.store(offset, value)
        }
    }

    private func control(_ value: UInt32) {
        if value.bit(15) {
            words = [:]
            phase = .idle
            held = nil
            shift = nil
            return
        }
        self[0] = value
        if !value.bit(0) { return }
        if value.bit(8) {
            if phase == .receiving && !isFinished { violations.append("started anew while the part still sends") }
            phase = .started
            status = status & ~0xFF | 1
            self[0] &= ~(1 << 8)
            held = nil
            shift = nil
            isFinished = false
            hasReadStatus1 = false
            clocked = 0
        }
        if value.bit(9) && (phase == .transmitting || isFinished || status.bit(10) || phase == .idle || phase == .started) {
            stop()
        }
    }

    private func stop() {
        phase = .idle
        stops += 1
        self[0] &= ~(1 << 9)
        if !isFinished { status &= ~0xFF }
    }

    private func send(_ byte: UInt8) {
        switch phase {
        case .started:
            status &= ~1
            if byte >> 1 != address {
                status |= 1 << 10
                return
            }
            phase = .addressed(isRead: byte & 1 == 1)
            part.isPointerNext = true
            hasReadStatus1 = false
            status |= 1 << 1
        case .transmitting:
            part.take(byte)
            status |= 1 << 7 | 1 << 2
        default: violations.append("DR written in phase \(phase)")
        }
    }
}
