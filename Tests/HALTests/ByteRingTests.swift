// The queue between an interrupt handler and the main loop.

import HAL
import Testing

@Test("Bytes come out in the order they went in, across many turns of the ring")
func order() {
    var ring = ByteRing<16>()
    var next: UInt8 = 0
    var expected: UInt8 = 0
    for round in 0..<200 {
        for _ in 0..<(round % 15) + 1 {
            ring.push(next)
            next &+= 1
        }
        while let byte = ring.pop() {
            #expect(byte == expected)
            expected &+= 1
        }
        let isEmpty = ring.isEmpty
        #expect(isEmpty)
    }
    expect(ring.overruns, 0)
}

@Test("A full ring keeps what it has, drops what comes, and counts it")
func overrun() {
    var ring = ByteRing<8>()
    for byte in UInt8(0)..<10 { ring.push(byte) }
    expect(ring.overruns, 3)
    for byte in UInt8(0)..<7 { expect(ring.pop(), byte) }
    expect(ring.pop(), nil)
    ring.countLoss()
    expect(ring.overruns, 4)
}

/// Comparison outside of the ring, which cannot be copied into a macro.
private func expect<T: Equatable>(_ a: T, _ b: T) { #expect(a == b) }
