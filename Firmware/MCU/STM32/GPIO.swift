// General purpose input/output of the STM32F4 and L4 (RM0383 8, RM0351 8), the chips' common peripheral.

import HAL

/// Registers of a port (RM0383 8, RM0351 8).
private enum Offset {
    static var mode: UInt32 { 0x00 }  // MODER: 0 input, 1 output, 2 alternate, 3 analog
    static var type: UInt32 { 0x04 }  // OTYPER: 1 open drain
    static var speed: UInt32 { 0x08 }  // OSPEEDR
    static var pull: UInt32 { 0x0C }  // PUPDR: 0 none, 1 up, 2 down
    static var input: UInt32 { 0x10 }  // IDR
    static var output: UInt32 { 0x14 }  // ODR
    static var setReset: UInt32 { 0x18 }  // BSRR: 15:0 set, 31:16 reset
    static var alternate: UInt32 { 0x20 }  // AFRL, AFRH
}

/// A pull resistor of about 40 kΩ (DS10314 6.3.16).
public enum Pull: UInt32, Sendable {
    case none, up, down
}

/// Sixteen pins. Their clock must be on.
public struct Port<Registers: SharedRegisterBlock>: Sendable {
    let registers: Registers
    /// The registers of one port, GPIOA or another.
    @inline(__always) public init(_ registers: Registers) { self.registers = registers }

    /// A push-pull output that starts at `high`, without a glitch.
    public func configureOutput(_ pin: UInt32, high: Bool) {
        write(pin, high)
        registers.modify(Offset.type, clear: 1 << pin)
        set(Offset.mode, pin, 1)
    }

    /// An input, `pin` 0…15: its output driver is off, and the resistor is set before.
    public func configureInput(_ pin: UInt32, pull: Pull = .none) {
        set(Offset.pull, pin, pull.rawValue)
        set(Offset.mode, pin, 0)
    }

    /// The input of a converter: digital parts off.
    public func configureAnalog(_ pin: UInt32) {
        set(Offset.pull, pin, 0)
        set(Offset.mode, pin, 3)
    }

    /// Hands the pin to a peripheral: `function` 0…15 of the data sheet's table of alternate functions.
    public func configureAlternate(_ pin: UInt32, function: UInt32, pull: Pull = .none, openDrain: Bool = false) {
        registers.modify(Offset.type, clear: 1 << pin, set: openDrain ? 1 << pin : 0)
        set(Offset.pull, pin, pull.rawValue)
        set(Offset.speed, pin, 2)
        let shift = (pin & 7) * 4
        registers.modify(Offset.alternate + (pin >> 3) * 4, clear: 0xF << shift, set: function << shift)
        set(Offset.mode, pin, 2)
    }

    func write(_ pin: UInt32, _ high: Bool) { registers.store(Offset.setReset, 1 << (high ? pin : pin + 16)) }
    func isDrivenHigh(_ pin: UInt32) -> Bool { registers.load(Offset.output) & (1 << pin) != 0 }
    func isHigh(_ pin: UInt32) -> Bool { registers.load(Offset.input) & (1 << pin) != 0 }

    private func set(_ register: UInt32, _ pin: UInt32, _ value: UInt32) {
        registers.modify(register, clear: 3 << (pin * 2), set: value << (pin * 2))
    }
}

/// An output pin.
public struct PortOutput<Registers: SharedRegisterBlock>: OutputPin, Sendable {
    let port: Port<Registers>
    let pin: UInt32
    /// Describes the pin without touching it; `configure` drives it.
    @inline(__always) public init(_ port: Port<Registers>, _ pin: UInt32) { (self.port, self.pin) = (port, pin) }
    /// Makes the pin a push-pull output that starts at `high`, without a glitch. Call before anything else, with the safe level.
    public func configure(high: Bool) { port.configureOutput(pin, high: high) }
    public mutating func setHigh() { port.write(pin, true) }
    public mutating func setLow() { port.write(pin, false) }
    public var isSetHigh: Bool { port.isDrivenHigh(pin) }
}

/// An input pin.
public struct PortInput<Registers: SharedRegisterBlock>: InputPin, Sendable {
    let port: Port<Registers>
    let pin: UInt32
    /// Describes the pin without touching it; `configure` makes it an input.
    @inline(__always) public init(_ port: Port<Registers>, _ pin: UInt32) { (self.port, self.pin) = (port, pin) }
    /// Makes the pin an input. Without a resistor an open pin floats, and `isHigh` may be either.
    public func configure(pull: Pull = .none) { port.configureInput(pin, pull: pull) }
    public var isHigh: Bool { port.isHigh(pin) }
}
