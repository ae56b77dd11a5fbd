// Runs the assembly kernels of the field on the operands of the host file "ed25519-field.bin" (read by semihosting; written by
// Tests/Ed25519Tests/vectors.py). Prints "N passed, M failed" and exits with 0 if none failed. A record is: operation (0 product, 1 square, 2 sum,
// 3 difference), where the result goes (0 apart, 1 over a, 2 over b), a, b, and the result modulo p (32 bytes each, little endian).
import Ed25519Kernel
import InstructionCounter
import Startup

typealias Words = InlineArray<8, UInt32>

struct Record {
    var head: UInt32 = 0
    var a = Words(repeating: 0)
    var b = Words(repeating: 0)
    var expected = Words(repeating: 0)
}

/// The result is allowed to be any value below 2^256 that is congruent: the expected one, or p or 2p more.
func isCongruent(_ result: Words, _ expected: Words) -> Bool {
    var value = expected
    for _ in 0..<3 {
        var same = true
        for i in 0..<8 where value[i] != result[i] { same = false }
        if same { return true }
        // + p
        var carry: UInt32 = 0
        for i in 0..<8 {
            let p: UInt32 = i == 0 ? 0xFFFF_FFED : i == 7 ? 0x7FFF_FFFF : 0xFFFF_FFFF
            let (sum, first) = value[i].addingReportingOverflow(p)
            let (total, second) = sum.addingReportingOverflow(carry)
            value[i] = total
            carry = (first ? 1 : 0) &+ (second ? 1 : 0)
        }
        if carry != 0 { return false }
    }
    return false
}

func compute(_ record: Record) -> Words {
    var (a, b, apart) = (record.a, record.b, Words(repeating: 0xA5A5_A5A5))
    return withUnsafeMutablePointer(to: &a) { a in
        withUnsafeMutablePointer(to: &b) { b in
            withUnsafeMutablePointer(to: &apart) { apart in
                func words(_ pointer: UnsafeMutablePointer<Words>) -> UnsafeMutablePointer<UInt32> {
                    UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt32.self)
                }
                let target = record.head >> 8 == 1 ? a : record.head >> 8 == 2 ? b : apart
                switch record.head & 0xFF {
                case 0: ed25519_field_multiply(words(target), words(a), words(b))
                case 1: ed25519_field_square(words(target), words(a))
                case 2: ed25519_field_add(words(target), words(a), words(b))
                default: ed25519_field_subtract(words(target), words(a), words(b))
                }
                return target.pointee
            }
        }
    }
}

func run() -> UInt32 {
    let file = host_open("ed25519-field.bin")
    if file < 0 {
        host_print("cannot open ed25519-field.bin: run this image by Tools/test-ed25519\n")
        return 2
    }
    var (passed, failed): (UInt32, UInt32) = (0, 0)
    var record = Record()
    while withUnsafeMutableBytes(of: &record, { host_read(file, $0.baseAddress!, 100) }) == 100 {
        if isCongruent(compute(record), record.expected) { passed += 1 } else { failed += 1 }
    }
    host_print_number(passed)
    host_print(" passed, ")
    host_print_number(failed)
    host_print(" failed\n")
    return failed == 0 && passed > 0 ? 0 : 1
}

startup_semihosting_exit(run())
