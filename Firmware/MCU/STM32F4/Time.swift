// Time since reset, from TIM5 (RM 13), a 32-bit counter at 1 MHz; an interrupt at each half period counts the rest.

import HAL
import Synchronization

extension Base {
    /// TIM5 (RM 13), a timer of 32 bits, here the clock of the system; clock: APB1ENR bit 3.
    public static var tim5: UInt { 0x4000_0C00 }
}

enum TIM5Register {
    static var control1: UInt32 { 0x00 }  // CR1
    static var interruptEnable: UInt32 { 0x0C }  // DIER: 0 UIE, 1 CC1IE, 2 CC2IE
    static var status: UInt32 { 0x10 }  // SR, cleared by writing 0
    static var generate: UInt32 { 0x14 }  // EGR
    static var count: UInt32 { 0x24 }  // CNT
    static var prescaler: UInt32 { 0x28 }  // PSC
    static var reload: UInt32 { 0x2C }  // ARR
    static var compare1: UInt32 { 0x34 }  // CCR1
    static var compare2: UInt32 { 0x38 }  // CCR2
}

/// Joins a 32-bit counter and the number of its half periods that an interrupt has seen end: right also when that interrupt is late
/// by less than half a period, for then the counter's top bit and the number disagree.
public func extendedTime(halfPeriods: UInt32, count: UInt32) -> UInt64 {
    let late = (halfPeriods ^ (count >> 31)) & 1
    return UInt64(halfPeriods &+ late) << 31 | UInt64(count & 0x7FFF_FFFF)
}
