// What an application says to the devices of its board. Each asks the compiler whether the device's driver answers to that word: where it
// does not, the application's own line is the error.
//
// A driver's words are its `answers`; a method of its own is added here, or in a file of its own beside this one.

/// What can be switched: LED, relay, dimmer, colour light.
extension DeviceHandle {
    /// Switches on until told otherwise; a dimmer or colour light goes back to its last level or colour. A relay's pulse under way
    /// is ended.
    @_transparent @_optimize(none) @discardableResult
    public func on() -> CallResult {
        #assert(BoardDevices.answers(name.literal, "on"), "this device has no method on()")
        return call("on")
    }

    /// Switches off; a dimmer or colour light remembers its level or colour. A relay's pulse under way is ended.
    @_transparent @_optimize(none) @discardableResult
    public func off() -> CallResult {
        #assert(BoardDevices.answers(name.literal, "off"), "this device has no method off()")
        return call("off")
    }

    /// Switches off what is on, and on what is off. Of a dimmer that fades, the level it moves to decides.
    @_transparent @_optimize(none) @discardableResult
    public func toggle() -> CallResult {
        #assert(BoardDevices.answers(name.literal, "toggle"), "this device has no method toggle()")
        return call("toggle")
    }

    /// True while it is on.
    public var isOn: Bool { state.isTrue }

    /// Relay: on for 10 ms to an hour.
    @_transparent @_optimize(none) @discardableResult
    public func pulse(for span: TimeSpan) -> CallResult {
        #assert(BoardDevices.answers(name.literal, "pulse(for:)"), "this device has no method pulse(for:)")
        return call("pulse", span.milliseconds)
    }
}

/// Lock.
extension DeviceHandle {
    /// Opens for 100 ms to 60 s.
    @_transparent @_optimize(none) @discardableResult
    public func open(for span: TimeSpan = .seconds(5)) -> CallResult {
        #assert(BoardDevices.answers(name.literal, "open(for:)"), "this device has no method open(for:)")
        return call("open", span.milliseconds)
    }

    /// Locks at once, before the time of `open` is over.
    @_transparent @_optimize(none) @discardableResult
    public func close() -> CallResult {
        #assert(BoardDevices.answers(name.literal, "close"), "this device has no method close()")
        return call("close")
    }

    /// True while the bolt is drawn.
    public var isOpen: Bool { state.isTrue }

    /// Its time was over.
    @_transparent @_optimize(none)
    public func hasRelocked(in event: DeviceEvent) -> Bool {
        #assert(BoardDevices.answers(name.literal, "relocked"), "this device has no event relocked")
        return raised("relocked", in: event)
    }
}

/// Dimmer, servo, buzzer, display.
extension DeviceHandle {
    /// Level 0…100.
    @_transparent @_optimize(none) @discardableResult
    public func set(level: Int32) -> CallResult {
        #assert(BoardDevices.answers(name.literal, "set(level:)"), "this device has no method set(level:)")
        return call("set", level)
    }

    /// To a level of 0…100 in up to a minute.
    @_transparent @_optimize(none) @discardableResult
    public func fade(to level: Int32, for span: TimeSpan) -> CallResult {
        #assert(BoardDevices.answers(name.literal, "fade(level:for:)"), "this device has no method fade(level:for:)")
        return call("fade", level, span.milliseconds)
    }

    /// To an angle of 0…180 degrees.
    @_transparent @_optimize(none) @discardableResult
    public func turn(to degrees: Int32) -> CallResult {
        #assert(BoardDevices.answers(name.literal, "turn(to:)"), "this device has no method turn(to:)")
        return call("turn", degrees)
    }

    /// Lets a servo go limp.
    @_transparent @_optimize(none) @discardableResult
    public func release() -> CallResult {
        #assert(BoardDevices.answers(name.literal, "release"), "this device has no method release()")
        return call("release")
    }

    /// Sounds for 200 ms, at 2 kHz unless told otherwise: 20…20,000 Hz.
    @_transparent @_optimize(none) @discardableResult
    public func beep(pitch hertz: Int32 = 2000) -> CallResult {
        #assert(BoardDevices.answers(name.literal, "beep(pitch:for:)"), "this device has no method beep(pitch:for:)")
        return call("beep", hertz)
    }

    /// Ends a tone.
    @_transparent @_optimize(none) @discardableResult
    public func stop() -> CallResult {
        #assert(BoardDevices.answers(name.literal, "stop"), "this device has no method stop()")
        return call("stop")
    }

    /// Makes a display dark.
    @_transparent @_optimize(none) @discardableResult
    public func clear() -> CallResult {
        #assert(BoardDevices.answers(name.literal, "clear"), "this device has no method clear()")
        return call("clear")
    }

    /// 25 dots, bit 5 × y + x.
    @_transparent @_optimize(none) @discardableResult
    public func show(icon dots: UInt32) -> CallResult {
        #assert(BoardDevices.answers(name.literal, "icon(dots:)"), "this device has no method icon(dots:)")
        return call("icon", Int32(bitPattern: dots))
    }
}

/// What measures.
extension DeviceHandle {
    /// The value now, or a fault.
    @_transparent @_optimize(none) @discardableResult
    public func read() -> CallResult {
        #assert(BoardDevices.answers(name.literal, "read"), "this device has no method read()")
        return call("read")
    }

    /// Thousandths of a degree Celsius as last measured by itself; nil before the first reading.
    public var millidegrees: Int32? { state.kind == .none ? nil : state.integer }
}

/// Button.
extension DeviceHandle {
    /// A first press, not the second of a double one.
    @_transparent @_optimize(none)
    public func wasPressed(in event: DeviceEvent) -> Bool {
        #assert(BoardDevices.answers(name.literal, "pressed"), "this device has no event pressed")
        return raised("pressed", in: event)
    }

    /// Held for 800 ms.
    @_transparent @_optimize(none)
    public func wasHeld(in event: DeviceEvent) -> Bool {
        #assert(BoardDevices.answers(name.literal, "held"), "this device has no event held")
        return raised("held", in: event)
    }

    /// Pressed twice within 400 ms.
    @_transparent @_optimize(none)
    public func wasDoublePressed(in event: DeviceEvent) -> Bool {
        #assert(BoardDevices.answers(name.literal, "double"), "this device has no event double")
        return raised("double", in: event)
    }

    /// True while the button is down or the contact closed.
    public var isPressed: Bool { state.isTrue }
}
