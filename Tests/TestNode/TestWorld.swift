// Everything outside the chip of a node in a test: time, chance, and what is at its pins. The executor over it is the real one.

import DeviceModel
import HAL
import LightNode
import SimulatedNOR
import SimulatedPins

/// What a node under test stands in, from power on to power off: make another for the next. Keep it as long as the node.
public final class TestWorld {
    private var moved: UInt64
    private let speed: UInt64
    private let start = ContinuousClock.now
    /// What its random bytes come from.
    public let chance: Chance
    /// What its pins did.
    public let waveform: Waveform
    /// The button, up at first.
    public let button: SimulatedInput
    /// Edges that its meter has seen.
    public var pulses: UInt32 = 0
    /// The gauge answers no call.
    public var isGaugeBroken = false

    /// - Parameters:
    ///   - microseconds: since reset, where its time begins.
    ///   - speed: how many times faster than the computer's its clock runs; 0: it stands, and the test moves it.
    public init(_ chance: Chance, microseconds: UInt64 = 0, speed: UInt64 = 0, waveform: Waveform = Waveform()) {
        (self.chance, moved, self.speed, self.waveform) = (chance, microseconds, speed, waveform)
        button = SimulatedInput(waveform, "button")
    }

    /// Since reset.
    public var microseconds: UInt64 {
        get {
            guard speed > 0 else { return moved }
            let (seconds, attoseconds) = (ContinuousClock.now - start).components
            return moved + (UInt64(seconds) * 1_000_000 + UInt64(attoseconds / 1_000_000_000_000)) * speed
        }
        set { moved = newValue }
    }

    public func pass(seconds: UInt64) { moved += seconds * 1_000_000 }
}

/// Where random bytes come from.
public final class Chance {
    private let draw: () -> UInt8

    public init(_ draw: @escaping () -> UInt8) { self.draw = draw }

    /// The computer's own.
    public static var system: Chance { Chance { .random(in: 0...255) } }

    /// The same bytes for the same seed.
    public static func seeded(_ seed: UInt64) -> Chance {
        var random = Random(seed: seed)
        return Chance { .random(in: 0...255, using: &random) }
    }

    /// One byte for ever.
    public static func constant(_ byte: UInt8) -> Chance { Chance { byte } }

    func next() -> UInt8 { draw() }
}

/// A chip in that world, with a random generator that is true unless it is said otherwise.
public struct TestPlatform: Platform {
    public var board: StaticString = "bench"
    public var version = Version(1, 2, 3)
    public var imageHash: InlineArray<24, UInt8> = .init(repeating: 0xA5)
    /// "bench", built from commit 0x01020304 with changes.
    public var imageOrigin: InlineArray<24, UInt8> = [
        0x62, 0x65, 0x6E, 0x63, 0x68, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 3, 2, 1,
    ]
    public var hardwareSerial: UInt64 = 0x1122_3344
    public let isTrueRandom: Bool
    public private(set) var isReadbackProtected = false
    private let world: TestWorld

    public init(_ world: TestWorld, isTrueRandom: Bool = true) { (self.world, self.isTrueRandom) = (world, isTrueRandom) }

    public mutating func protectReadback() { isReadbackProtected = true }
    public var resetReason: ResetReason { .power }
    public var stackUsed: UInt32 { 0 }
    public var stackSize: UInt32 { 0 }
    public mutating func microseconds() -> UInt64 { world.microseconds }
    public mutating func fillRandom(_ bytes: inout MutableRawSpan) {
        for index in 0..<bytes.byteCount { bytes.storeBytes(of: world.chance.next(), toByteOffset: index, as: UInt8.self) }
    }
}
