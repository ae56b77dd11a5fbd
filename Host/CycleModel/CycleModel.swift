// What an executed Thumb instruction costs in cycles on a Cortex-M0, M0+ or M4 whose memory answers at once.
//
// From Arm's Technical Reference Manuals: Cortex-M0 r0p0 (DDI 0432C), table 3-1; Cortex-M0+ r0p1 (DDI 0484C), table 3-1; Cortex-M4 r0p1
// (DDI 0439D), tables 3-1 and 3-2 and section 3.3.3. Taken is the single-cycle multiplier of the M0 and M0+ (a chip may have one of 32 cycles: the
// number of MULS is counted, so that it can be reckoned), and on the M4 a refill of the pipeline of two cycles (the manual: one to three), 12 cycles for
// a division (2 to 12), one for IT. Not modelled: wait states of a flash, interrupts, accesses to slow peripherals, what the M4 gains by single loads
// and stores behind one another, but for the second figure of `CycleCount`. A library without dependencies: QEMU's plugin has it within it.

/// A processor whose timing is known.
public enum TimedCore: Sendable {
    case cortexM0, cortexM0Plus, cortexM4

    /// By its name in board.json; nil for another.
    public init?(name: String) {
        switch name {
        case "cortex-m0": self = .cortexM0
        case "cortex-m0plus": self = .cortexM0Plus
        case "cortex-m4": self = .cortexM4
        default: return nil
        }
    }
}

/// What one instruction costs. Of 64 bits, with its address, so that a callback's argument carries it.
public struct InstructionCost: Equatable, Sendable {
    /// How it is packed: address in 0–31, cycles in 32–39, cycles more when it branches in 40–43, then flags.
    public let packed: UInt64

    /// Undoes `packed`.
    @inline(__always)
    public init(packed: UInt64) { self.packed = packed }

    /// Its address.
    @inline(__always)
    public var address: UInt32 { UInt32(truncatingIfNeeded: packed) }
    /// When it does not branch.
    @inline(__always)
    public var cycles: UInt64 { packed >> 32 & 0xFF }
    /// When it does, so many more.
    @inline(__always)
    public var refill: UInt64 { packed >> 40 & 0xF }
    /// Where the next instruction is, unless this one branches.
    @inline(__always)
    public var following: UInt32 { address &+ (packed & 1 << 44 == 0 ? 2 : 4) }
    /// A load of one register, which the M4 overlaps with a load or store before it.
    @inline(__always)
    public var isLoad: Bool { packed & 1 << 45 != 0 }
    /// A store of one register, which the M4 finishes during the next instruction.
    @inline(__always)
    public var isStore: Bool { packed & 1 << 46 != 0 }
    /// The 32-bit MULS.
    @inline(__always)
    public var isMultiplication: Bool { packed & 1 << 47 != 0 }

    fileprivate init(
        _ address: UInt32, _ cycles: Int, refill: Int = 0, isWide: Bool = false, isLoad: Bool = false, isStore: Bool = false,
        isMultiplication: Bool = false
    ) {
        var packed = UInt64(address) | UInt64(cycles) << 32 | UInt64(refill) << 40
        for (bit, isSet) in [isWide, isLoad, isStore, isMultiplication].enumerated() where isSet {
            packed |= 1 << (44 + UInt64(bit))
        }
        self.packed = packed
    }
}

/// The cycles of a run: fed with each executed instruction in turn.
public struct CycleCount: Sendable {
    /// Executed instructions.
    public private(set) var instructions: UInt64 = 0
    /// Cycles, each instruction by itself.
    public private(set) var cycles: UInt64 = 0
    /// Of these, the ones that an M4 saves where single loads and stores follow each other.
    public private(set) var overlapped: UInt64 = 0
    /// Executed MULS of 32 bits.
    public private(set) var multiplications: UInt64 = 0
    private var following: UInt32 = 0
    private var refill: UInt64 = 0
    private var followsAccess = false

    /// Nothing yet.
    public init() {}

    /// The next instruction that is executed.
    @inline(__always)
    public mutating func execute(_ cost: InstructionCost) {
        if cost.address != following { cycles &+= refill }
        instructions &+= 1
        cycles &+= cost.cycles
        following = cost.following
        refill = cost.refill
        if cost.isMultiplication { multiplications &+= 1 }
        let isAccess = cost.isLoad || cost.isStore
        if cost.isStore || (cost.isLoad && followsAccess) { overlapped &+= 1 }
        followsAccess = isAccess
    }
}

extension TimedCore {
    /// The cost of the instruction of one or two halfwords at `address`.
    public func cost(_ first: UInt16, _ second: UInt16, at address: UInt32) -> InstructionCost {
        first >> 11 >= 0b11101 ? wide(first, second, address) : narrow(first, address)
    }

    /// A branch always costs `jump` in all, where it is taken.
    private var jump: Int {
        switch self {
        case .cortexM0, .cortexM4: 3
        case .cortexM0Plus: 2
        }
    }

    private func narrow(_ code: UInt16, _ address: UInt32) -> InstructionCost {
        let registers = (code & 0xFF).nonzeroBitCount
        switch code >> 11 {
        case 0b01000 where code & 0xFFC0 == 0x4340: return .init(address, 1, isMultiplication: true)
        case 0b01000 where code & 0xFF00 == 0x4700:  // BX, BLX
            return .init(address, jump)
        case 0b01000 where code & 0xFC87 == 0x4487:  // ADD, MOV to PC
            return .init(address, jump)
        case 0b01001: return .init(address, 2, isLoad: true)  // LDR from PC
        case 0b01010: return access(address, isLoad: code & 0x0600 == 0x0600)  // STR, STRH, STRB, LDRSB by register
        case 0b01011: return access(address, isLoad: true)
        case 0b01100, 0b01110, 0b10000, 0b10010: return access(address, isLoad: false)
        case 0b01101, 0b01111, 0b10001, 0b10011: return access(address, isLoad: true)
        case 0b10110 where code & 0xFE00 == 0xB400: return .init(address, 1 + registers + Int(code >> 8 & 1))  // PUSH
        case 0b10111 where code & 0xFE00 == 0xBC00:  // POP
            let toPC = code >> 8 & 1 == 1
            // M0: 4 + N, M0+: 3 + N, with N without PC; M4: 1 + N with it, and the refill.
            return .init(address, toPC ? jump + 1 + registers : 1 + registers)
        case _ where code & 0xF500 == 0xB100: return .init(address, 1, refill: jump - 1)  // CBZ, CBNZ
        case 0b11000, 0b11001: return .init(address, 1 + registers)  // STM, LDM
        case 0b11010, 0b11011: return .init(address, 1, refill: jump - 1)  // B under a condition; SVC
        case 0b11100: return .init(address, jump)  // B
        default: return .init(address, 1)
        }
    }

    private func access(_ address: UInt32, isLoad: Bool, isWide: Bool = false) -> InstructionCost {
        .init(address, 2, isWide: isWide, isLoad: isLoad, isStore: !isLoad)
    }

    private func wide(_ first: UInt16, _ second: UInt16, _ address: UInt32) -> InstructionCost {
        func plain(_ cycles: Int, refill: Int = 0) -> InstructionCost { .init(address, cycles, refill: refill, isWide: true) }
        if self != .cortexM4 {
            // BL; else MSR, MRS and barriers. ARMv6-M has no other.
            return plain(second >> 14 == 3 ? jump + 1 : self == .cortexM0 ? 4 : 3)
        }
        switch first >> 9 {
        case 0b1110100 where first & 0x40 == 0:  // LDM, STM
            let toPC = first & 0x10 != 0 && second >> 15 == 1
            return plain(1 + second.nonzeroBitCount + (toPC ? jump - 1 : 0))
        case 0b1110100 where first & 0xFFF0 == 0xE8D0 && second & 0xE0 == 0: return plain(2 + jump - 1)  // TBB, TBH
        case 0b1110100 where first & 0x0120 == 0: return plain(2)  // exclusive
        case 0b1110100: return plain(3)  // LDRD, STRD
        case 0b1111000...0b1111011 where second >> 15 == 1:
            // B under a condition where bits 14 and 12 are 0 and the condition is one; else B, BL, or MSR, MRS, barriers.
            if second & 0x5000 == 0 { return first >> 6 & 0xF < 14 ? plain(1, refill: jump - 1) : plain(2) }
            return plain(jump)
        case 0b1111100 where first & 0xFF00 == 0xF800 || first & 0xFF00 == 0xF900:
            let isLoad = first & 0x10 != 0
            if isLoad, first & 0x60 == 0x40, second >> 12 == 15 { return plain(2 + jump - 1) }  // LDR to PC
            return access(address, isLoad: isLoad, isWide: true)
        case 0b1111101 where first & 0xFFD0 == 0xFB90: return plain(12)  // SDIV, UDIV
        default: return plain(1)
        }
    }
}
