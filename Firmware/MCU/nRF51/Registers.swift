// Memory-mapped registers of the nRF51 and the CPU's interrupt enables. Numbers after "RM" are sections of the nRF51 Series
// Reference Manual v3.0; tasks are triggered by writing 1, events are set by hardware and cleared by writing 0 (RM 10.1).

import _Volatile

/// One 32-bit register.
struct Register {
    let address: UInt
    @inline(__always) init(_ address: UInt) { self.address = address }
    @inline(__always) func load() -> UInt32 { VolatileMappedRegister<UInt32>(unsafeBitPattern: address).load() }
    @inline(__always) func store(_ value: UInt32) { VolatileMappedRegister<UInt32>(unsafeBitPattern: address).store(value) }
    /// Triggers a task.
    @inline(__always) func trigger() { store(1) }
    /// Clears an event.
    @inline(__always) func clear() { store(0) }
    /// True after the event happened.
    @inline(__always) var isSet: Bool { load() != 0 }
}

/// Nested vectored interrupt controller (ARMv6-M Architecture Reference Manual, B3.4).
enum NVIC {
    /// Enables interrupt `number` (0…31), after forgetting an older request.
    @inline(__always) static func enable(_ number: UInt32) {
        Register(0xE000_E280).store(1 << number)  // ICPR
        Register(0xE000_E100).store(1 << number)  // ISER
    }
    @inline(__always) static func disable(_ number: UInt32) { Register(0xE000_E180).store(1 << number) }  // ICER
}
