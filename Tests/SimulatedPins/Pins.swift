// Simulated pins, PWM channels, converters and counters that draw what happens to them into a waveform.

import HAL

public struct SimulatedOutput: OutputPin {
    let waveform: Waveform
    let signal: Int

    public init(_ waveform: Waveform, _ name: String, startsHigh: Bool = false) {
        self.waveform = waveform
        signal = waveform.signal(name)
        if startsHigh { waveform.set(signal, 1) }
    }

    public func setHigh() { waveform.set(signal, 1) }
    public func setLow() { waveform.set(signal, 0) }
    public var isSetHigh: Bool { waveform.value(signal) == 1 }
}

/// An input that the test drives.
public struct SimulatedInput: InputPin {
    let waveform: Waveform
    let signal: Int

    public init(_ waveform: Waveform, _ name: String) {
        self.waveform = waveform
        signal = waveform.signal(name)
    }

    public func drive(_ isHigh: Bool) { waveform.set(signal, isHigh ? 1 : 0) }
    public var isHigh: Bool { waveform.value(signal) == 1 }
}

/// Drivers hold channels as plain bits, so this one refers to its waveform by number.
public struct SimulatedPWM: PWMChannel, BitwiseCopyable {
    private let shelf, duty, hertz: Int

    public init(_ waveform: Waveform, _ name: String) {
        shelf = Shelf.keep(waveform)
        duty = waveform.signal(name + ".duty", width: 16)
        hertz = waveform.signal(name + ".hertz", width: 32)
    }

    public func setDuty(_ value: UInt16) { Shelf[shelf].set(duty, UInt32(value)) }
    public func setFrequency(hertz value: UInt32) { Shelf[shelf].set(hertz, value) }
}

/// A converter whose reading the test sets; nil is a part that does not finish.
public struct SimulatedAnalog: AnalogInput, BitwiseCopyable {
    private let shelf, signal, isBroken: Int

    public init(_ waveform: Waveform, _ name: String) {
        shelf = Shelf.keep(waveform)
        signal = waveform.signal(name, width: 16)
        isBroken = waveform.signal(name + ".broken")
    }

    public func drive(_ reading: UInt16?) {
        Shelf[shelf].set(isBroken, reading == nil ? 1 : 0)
        if let reading { Shelf[shelf].set(signal, UInt32(reading)) }
    }

    public func read() -> UInt16? { Shelf[shelf].value(isBroken) == 1 ? nil : UInt16(Shelf[shelf].value(signal)) }
}

/// A counter whose edges the test makes.
public struct SimulatedCounter: EdgeCounter, BitwiseCopyable {
    private let shelf, signal: Int

    public init(_ waveform: Waveform, _ name: String) {
        shelf = Shelf.keep(waveform)
        signal = waveform.signal(name, width: 32)
    }

    public func pulse(_ times: UInt32 = 1) { Shelf[shelf].set(signal, count &+ times) }
    public var count: UInt32 { Shelf[shelf].value(signal) }
}

/// A 5×5 display.
public struct SimulatedScreen: Bitmap5x5, BitwiseCopyable {
    private let shelf, signal: Int

    public init(_ waveform: Waveform, _ name: String) {
        shelf = Shelf.keep(waveform)
        signal = waveform.signal(name, width: 25)
    }

    public func show(_ bitmap: UInt32) { Shelf[shelf].set(signal, bitmap) }
    public var shown: UInt32 { Shelf[shelf].value(signal) }

    /// The picture as five lines of dots.
    public var picture: [String] {
        (0..<5).map { y in String((0..<5).map { x in shown & (1 << UInt32(y * 5 + x)) != 0 ? "#" : "." }) }
    }
}
