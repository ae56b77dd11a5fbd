// Counts of meters outlive reboots and power cuts.

import CBOR
import DeviceModel
import Drivers
import HAL
import LightNode
import SimulatedNOR
import TestNode
import Testing

@testable import NodeProtocol

/// The pulses that a test makes.
private final class Pulses { var count: UInt32 = 0 }

private struct Counter: EdgeCounter {
    let pulses: Unmanaged<Pulses>
    var count: UInt32 { pulses.takeUnretainedValue().count }
}

/// A light and a meter.
private enum Meters: TestFitting {
    /// An update has put the meter before the light.
    nonisolated(unsafe) static var isTurnedRound = false
    static var devices: [TestDevice] { isTurnedRound ? [.meter, .led] : [.led, .meter] }
}

/// As many meters as a node can have, with names as long as names can be.
private struct ManyMeters: DeviceTable {
    static var keepsCounts: Bool { true }
    static let names: [StaticString] = [
        "abcdefghijklmnoa", "abcdefghijklmnob", "abcdefghijklmnoc", "abcdefghijklmnod", "abcdefghijklmnoe", "abcdefghijklmnof",
        "abcdefghijklmnog", "abcdefghijklmnoh", "abcdefghijklmnoi", "abcdefghijklmnoj", "abcdefghijklmnok", "abcdefghijklmnol",
        "abcdefghijklmnom", "abcdefghijklmnon", "abcdefghijklmnoo", "abcdefghijklmnop",
    ]
    var events = EventQueue()
    var meters: [PulseMeter<Counter>]

    init(_ pulses: [Pulses]) { meters = pulses.map { PulseMeter(Counter(pulses: .passUnretained($0))) } }

    static func declaration(_ index: UInt8) -> Declaration? {
        index < 16 ? Declaration(names[Int(index)], PulseMeter<Counter>.self) : nil
    }

    mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) { request.reach(&meters[Int(index)]) }
}

@Suite("Counts", .serialized) struct CountTests {
    private final class MeterStage {
        let flash = Stage.part()
        let chance = Chance.seeded(1)
        var world: TestWorld
        var node: TestNode<Meters>

        init() throws {
            world = TestWorld(chance)
            node = Self.start(flash, world)
            try Self.provision(&node)
        }

        static func provision<Table: DeviceTable>(_ node: inout Node<SimulatedNOR<4>, Table, TestPlatform>) throws {
            let request = CBORItem.map([
                0: .bytes(Cast.claim.publicKey.bytes), 1: .bytes(Cast.identity.seed.withUnsafeBytes { Array($0) }),
                2: .uint(Cast.network),
            ]).encoded
            var reply = [UInt8](repeating: 0, count: 1024)
            _ = try node.provision(request.span.bytes, reply: reply.mutableSpan)
        }

        private static func start(_ flash: SimulatedNOR<4>, _ world: TestWorld) -> TestNode<Meters> {
            Node(flash: flash, devices: TestDevices(world), platform: TestPlatform(world))
        }

        func reboot(_ faults: SimulatedNOR<4>.Faults = .none) {
            flash.powerUp(faults)
            world = TestWorld(chance)
            node = Self.start(flash, world)
        }

        func count(_ pulses: UInt32, andPass seconds: UInt64) {
            world.pulses += pulses
            world.pass(seconds: seconds)
            node.poll()
        }

        var reading: Int32? {
            node.devices.state(of: Meters.isTurnedRound ? 0 : 1).integer
        }
    }

    @Test("What was counted is there after a reboot, and goes on") func reboots() throws {
        let stage = try MeterStage()
        stage.count(5, andPass: 61)
        stage.reboot()
        #expect(stage.reading == 5)
        stage.count(2, andPass: 61)
        #expect(stage.reading == 7)
        stage.reboot()
        #expect(stage.reading == 7)
    }

    @Test("A node that counts nothing writes nothing; one that counts writes once a minute at most") func wear() throws {
        let stage = try MeterStage()
        stage.count(1, andPass: 61)
        let written = stage.flash.operations
        for _ in 0..<100 { stage.count(0, andPass: 61) }
        #expect(stage.flash.operations == written)
        stage.count(1, andPass: 61)
        let once = stage.flash.operations - written
        for _ in 0..<50 { stage.count(1, andPass: 1) }
        #expect(once > 0 && stage.flash.operations == written + once)
    }

    @Test("A count finds its meter by name when an update has moved it") func moved() throws {
        defer { Meters.isTurnedRound = false }
        let stage = try MeterStage()
        stage.count(9, andPass: 61)
        Meters.isTurnedRound = true
        stage.reboot()
        #expect(stage.reading == 9)
    }

    @Test("Sixteen meters with the longest names keep their counts, however large") func many() throws {
        let flash = Stage.part()
        func start(_ world: TestWorld, _ pulses: [Pulses]) -> Node<SimulatedNOR<4>, ManyMeters, TestPlatform> {
            Node(flash: flash, devices: ManyMeters(pulses), platform: TestPlatform(world))
        }
        let clock = TestWorld(.seeded(1)), pulses = (0..<16).map { _ in Pulses() }
        var node = start(clock, pulses)
        try MeterStage.provision(&node)
        let counted = (0..<16).map { UInt32(Int32.max) - UInt32($0) }
        for (meter, count) in zip(pulses, counted) { meter.count = count }
        clock.pass(seconds: 61)
        node.poll()
        flash.powerUp()
        let later = (0..<16).map { _ in Pulses() }
        let again = start(TestWorld(.seeded(2)), later)
        #expect((0..<16).map { again.devices.meters[$0].state.integer } == counted.map { Int32($0) })
        withExtendedLifetime((pulses, later)) {}
    }

    @Test("A power cut at any flash operation leaves the old count or the new one") func cuts() throws {
        var cut = 0
        while true {
            let stage = try MeterStage()
            stage.count(5, andPass: 61)
            stage.flash.powerUp(.cut(at: cut))
            stage.count(3, andPass: 61)
            let isWhole = !stage.flash.isCut
            stage.reboot()
            #expect(!isWhole || stage.reading == 8)
            #expect(stage.reading == 5 || stage.reading == 8, "cut at \(cut)")
            if isWhole { break }
            cut += 1
        }
        #expect(cut > 2)
    }
}
