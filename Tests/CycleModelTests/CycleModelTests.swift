// What instructions cost, against the tables of Arm's manuals. The codes are what GNU as makes of the texts.
import CycleModel
import Testing

private let narrow: [(text: String, code: UInt16, m0: Int, m0Plus: Int, m4: Int)] = [
    ("muls r0, r1", 0x4348, 1, 1, 1), ("adds r0, r0, r1", 0x1840, 1, 1, 1), ("ldr r0, [r1, #4]", 0x6848, 2, 2, 2),
    ("str r0, [r1, #4]", 0x6048, 2, 2, 2), ("ldrb r0, [r1, r2]", 0x5C88, 2, 2, 2), ("strh r0, [r1, r2]", 0x5288, 2, 2, 2),
    ("ldr r0, [pc, #176]", 0x482C, 2, 2, 2), ("ldr r0, [sp, #4]", 0x9801, 2, 2, 2), ("str r0, [sp, #4]", 0x9001, 2, 2, 2),
    ("push {r4-r7, lr}", 0xB5F0, 6, 6, 6), ("push {r4}", 0xB410, 2, 2, 2), ("pop {r4-r7, pc}", 0xBDF0, 8, 7, 8),
    ("pop {r4, r5}", 0xBC30, 3, 3, 3), ("stm r0!, {r1-r4}", 0xC01E, 5, 5, 5), ("ldm r0!, {r1-r4}", 0xC81E, 5, 5, 5),
    ("bx lr", 0x4770, 3, 2, 3), ("blx r3", 0x4798, 3, 2, 3), ("mov pc, r1", 0x468F, 3, 2, 3), ("add pc, r1", 0x448F, 3, 2, 3),
    ("add r8, r1", 0x4488, 1, 1, 1), ("mov r8, r1", 0x4688, 1, 1, 1), ("cmp r8, r1", 0x4588, 1, 1, 1), ("b", 0xE7E7, 3, 2, 3),
    ("nop", 0xBF00, 1, 1, 1), ("sxtb r0, r1", 0xB248, 1, 1, 1), ("add sp, #8", 0xB002, 1, 1, 1), ("it eq", 0xBF08, 1, 1, 1),
]

private let wide: [(text: String, first: UInt16, second: UInt16, cycles: Int)] = [
    ("bl", 0xF7FF, 0xFFDE, 3), ("umaal r0, r1, r2, r3", 0xFBE2, 0x0163, 1), ("umull r0, r1, r2, r3", 0xFBA2, 0x0103, 1),
    ("mul r8, r1, r2", 0xFB01, 0xF802, 1), ("udiv r0, r1, r2", 0xFBB1, 0xF0F2, 12), ("sdiv r0, r1, r2", 0xFB91, 0xF0F2, 12),
    ("ldrd r0, r1, [r2, #8]", 0xE9D2, 0x0102, 3), ("strd r0, r1, [r2, #8]", 0xE9C2, 0x0102, 3),
    ("ldm r8!, {r0-r3}", 0xE8B8, 0x000F, 5), ("stmdb r8!, {r0-r3}", 0xE928, 0x000F, 5), ("push {r4-r11, lr}", 0xE92D, 0x4FF0, 10),
    ("pop {r4-r11, pc}", 0xE8BD, 0x8FF0, 12), ("ldr r8, [r1, #400]", 0xF8D1, 0x8190, 2),
    ("str r8, [r1, #400]", 0xF8C1, 0x8190, 2),
    ("ldrsb r8, [r1, #40]", 0xF991, 0x8028, 2), ("ldr pc, [r1, #4]", 0xF8D1, 0xF004, 4), ("tbb [pc, r0]", 0xE8DF, 0xF000, 4),
    ("b.w", 0xF7FF, 0xBFAF, 3), ("adcs r8, r9, #0", 0xF159, 0x0800, 1), ("add r8, r9, r10, lsl #3", 0xEB09, 0x08CA, 1),
    ("ldrex r0, [r1]", 0xE851, 0x0F00, 2), ("ubfx r0, r1, #3, #4", 0xF3C1, 0x00C3, 1), ("movw r0, #1234", 0xF240, 0x40D2, 1),
]

@Suite("Cycles of instructions") struct CycleModelTests {
    @Test("of 16 bits are those of the manuals", arguments: narrow) func costs(
        text: String, code: UInt16, m0: Int, m0Plus: Int, m4: Int
    ) {
        for (core, expected) in [(TimedCore.cortexM0, m0), (.cortexM0Plus, m0Plus), (.cortexM4, m4)] {
            let cost = core.cost(code, 0, at: 0x100)
            #expect(cost.cycles == UInt64(expected), "\(text) on \(core)")
            #expect(cost.address == 0x100 && cost.following == 0x102, "\(text)")
        }
    }

    @Test("of 32 bits are those of the manual of the M4", arguments: wide) func costs(
        text: String, first: UInt16, second: UInt16, cycles: Int
    ) {
        let cost = TimedCore.cortexM4.cost(first, second, at: 0x2000_0000)
        #expect(cost.cycles == UInt64(cycles), "\(text)")
        #expect(cost.following == 0x2000_0004, "\(text)")
    }

    @Test("BL, MSR and barriers on the M0 and M0+") func small() {
        for (first, second) in [(0xF7FF, 0xFFDE), (0xF380, 0x8810), (0xF3BF, 0x8F4F)] as [(UInt16, UInt16)] {
            #expect(TimedCore.cortexM0.cost(first, second, at: 0).cycles == 4)
            #expect(TimedCore.cortexM0Plus.cost(first, second, at: 0).cycles == 3)
        }
    }

    @Test("A branch under a condition costs more when it is taken: 200,000 instructions of a loop") func loop() {
        // subs r0, #1; bne to it
        for (core, expected) in [(TimedCore.cortexM0, 400_000 - 2), (.cortexM0Plus, 300_000 - 1), (.cortexM4, 400_000 - 2)] {
            let (subtract, branch) = (core.cost(0x3801, 0, at: 0x10), core.cost(0xD1FD, 0, at: 0x12))
            var count = CycleCount()
            for _ in 0..<100_000 {
                count.execute(subtract)
                count.execute(branch)
            }
            count.execute(core.cost(0xBF00, 0, at: 0x14))
            #expect(count.instructions == 200_001)
            #expect(count.cycles == UInt64(expected) + 1, "\(core)")
        }
    }

    @Test("Single loads and stores behind one another overlap, and MULS is counted") func overlap() {
        var count = CycleCount()
        // ldr, ldr, adds, ldr, str, adds, muls
        for (index, code) in ([0x6848, 0x6848, 0x1840, 0x6848, 0x6048, 0x1840, 0x4348] as [UInt16]).enumerated() {
            count.execute(TimedCore.cortexM4.cost(code, 0, at: UInt32(2 * index)))
        }
        #expect(count.cycles == 11 && count.overlapped == 2 && count.multiplications == 1)
    }
}
