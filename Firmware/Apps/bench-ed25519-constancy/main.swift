// Signs with many random keys and prints the least and the greatest number of ticks that one signature took, its key derived too. To be run
// with one instruction lasting many ticks of SysTick (-icount shift=10): then a difference of one instruction shows, and a difference
// of one tick is the counter's own grain. The command line is the number of keys; without one there are 1,000.
import Ed25519
import InstructionCounter
import Startup

func report(_ name: StaticString, _ value: UInt32) {
    host_print(UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self))
    host_print(" ")
    host_print_number(value)
    host_print("\n")
}

/// Bytes from a linear congruential generator (Knuth, MMIX); quality does not matter here.
struct Noise {
    var state: UInt64 = 1

    mutating func fill(_ bytes: inout Bytes32) {
        for i in 0..<32 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            bytes[i] = UInt8(truncatingIfNeeded: state >> 56)
        }
    }
}

/// Semihosting's SYS_GET_CMDLINE (0x15): a number, or something else when none was given.
func wantedKeys() -> UInt32 {
    var text = InlineArray<32, UInt8>(repeating: 0)
    let length = UInt32(text.count - 1)
    let status = withUnsafeMutableBytes(of: &text) { text in
        var block: InlineArray<2, UInt32> = [UInt32(UInt(bitPattern: text.baseAddress!)), length]
        return withUnsafeBytes(of: &block) { startup_semihosting(0x15, UInt32(UInt(bitPattern: $0.baseAddress!))) }
    }
    var wanted: UInt32 = 0
    var index = 0
    while status == 0, index < 9, text[index] >= 0x30, text[index] <= 0x39 {
        wanted = wanted * 10 + UInt32(text[index] - 0x30)
        index += 1
    }
    return wanted == 0 ? 1000 : wanted
}

/// Modulo 2^24, the counter's width: differences count here.
@inline(never)
func ticks(_ seed: Bytes32, _ message: borrowing Bytes64) -> UInt32 {
    let start = instruction_counter_read()
    let key = Ed25519.publicKey(seed: seed)
    _ = Ed25519.sign(seed: seed, publicKey: key, message: message.span.bytes)
    return (instruction_counter_read() &- start) & 0xFF_FFFF
}

/// The all-zero and the all-one seed first, then random ones.
func measure(keys: UInt32) {
    let abc: InlineArray<3, UInt8> = [0x61, 0x62, 0x63]
    let message = SHA512.hash(abc.span.bytes)
    var noise = Noise()
    var least = UInt32.max
    var greatest: UInt32 = 0
    for i in 0..<keys {
        var seed = Bytes32(repeating: i == 1 ? 0xFF : 0)
        if i > 1 { noise.fill(&seed) }
        let spent = ticks(seed, message)
        least = min(least, spent)
        greatest = max(greatest, spent)
    }
    // How many ticks one instruction lasts, with a loop whose length is known.
    let start = instruction_counter_read()
    instruction_counter_known_loop(5000)
    report("loop.10000", (instruction_counter_read() &- start) & 0xFF_FFFF)
    report("keys", keys)
    report("least", least)
    report("greatest", greatest)
}

instruction_counter_start()
measure(keys: wantedKeys())
startup_semihosting_exit(0)
