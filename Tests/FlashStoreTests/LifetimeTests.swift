// How long a part lasts and what a command costs, on a part that wears out at its rating.

import FlashStore
import Foundation
import HAL
import SimulatedNOR
import Testing

@Suite("Lifetime")
struct LifetimeTests {
    /// As in Firmware/LightNode/Memory.swift.
    private static let executorLayout = StoreLayout(recordPages: 1, intentBytes: 12, outcomeBytes: 6, summaryBytes: 170)

    /// nRF51822: 16 pages of 1 KB, rated 20,000 erases (nRF51822 Product Specification v3.3, table 43); the executor's layout.
    @Test("16 KB of an nRF51 last for eight million commands, with the records that go along")
    func commands() throws {
        // Unless in a soak the rating is scaled down and the count up: every page is erased as often as every other, which is checked.
        let scale = ProcessInfo.processInfo.environment["LIGHTNODE_SOAK_SEQUENCES"] == nil ? 100 : 1
        let flash = microbitFlash()
        flash.ratedErases = 20_000 / scale
        var store = FlashStore(flash, layout: Self.executorLayout)
        try store.mount()
        for key in 1...3 as ClosedRange<UInt8> { try store.put(key, Array(repeating: key, count: 64), secret: true) }
        let application = [UInt8](repeating: 1, count: 12)
        // Of a node with one device.
        let summary = [UInt8](repeating: 2, count: 65)
        let outcome = [UInt8](repeating: 3, count: 6)
        let before = flash.programs
        var commands: UInt64 = 0
        var recordWords = 0, pages = 0
        do {
            while true {
                let programs = flash.programs
                // The time floor, as often as a command an hour raises it at a granularity of a day.
                if commands % 24 == 0 { try store.raise(4, to: commands + 1) }
                recordWords += flash.programs - programs
                if store.needsPage {
                    try store.openPage(summary: summary.span)
                    pages += 1
                }
                let index = try store.begin(sequence: 1 << 50 + commands, signer: 0, application: application.span)
                try store.complete(index, outcome: outcome.span)
                commands += 1
            }
        } catch { #expect(error == .flash(.eraseFailed)) }
        let words = Double(flash.programs - before - recordWords) / Double(commands)
        // The mark rides along in the log: 7 bytes of each entry are its sequence number, and 8 of each page's summary the owner's mark.
        let mark = (7 * Double(commands) + 8 * Double(pages)) / 4 / Double(commands)
        print("store.lifetime_commands 16 KB of an nRF51: \(commands * UInt64(scale))")
        print("store.writes_per_command high-water mark: \(mark)")
        print("store.writes_per_command log entry with it: \(words)")
        print(
            "store.erases: records \(flash.erases[0...1]), journal \(flash.erases[2...].min() ?? 0)...\(flash.erases[2...].max() ?? 0)"
        )
        #expect(commands * UInt64(scale) >= 8_000_000)
        #expect(words < 8.8)
        #expect(mark <= 2)
        #expect((flash.erases[2...].max() ?? 0) - (flash.erases[2...].min() ?? 0) <= 1)
        #expect(flash.violations.isEmpty)
    }

    @Test("a mount of a full store reads little more than its newest page and the headers")
    func mountReads() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        let blank = flash.reads
        for key in 0..<10 as Range<UInt8> { try store.put(key, Array(repeating: key, count: 64)) }
        for number in 0..<3000 as Range<UInt64> { _ = try store.log(number, summary: Array(repeating: 1, count: 44)) }
        let reads = flash.reads
        try store.mount()
        print("store.mount_reads: \(blank) words when blank, \(flash.reads - reads) when full")
        #expect(flash.reads - reads < 1500)
    }
}
