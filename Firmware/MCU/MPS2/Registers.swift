// Memory-mapped registers of the MPS2 board with the AN386 image, and the CPU's interrupt enables. "CMSDK" is the Cortex-M System
// Design Kit Technical Reference Manual (Arm DDI 0479), "AN386" the Application Note of that number (Arm DAI 0386).

import _Volatile

/// One 32-bit register.
struct Register {
    let address: UInt
    @inline(__always) init(_ address: UInt) { self.address = address }
    @inline(__always) func load() -> UInt32 { VolatileMappedRegister<UInt32>(unsafeBitPattern: address).load() }
    @inline(__always) func store(_ value: UInt32) { VolatileMappedRegister<UInt32>(unsafeBitPattern: address).store(value) }
}

/// Nested vectored interrupt controller (ARMv7-M Architecture Reference Manual, B3.4). The image has 32 interrupts.
enum NVIC {
    /// Enables interrupt `number` (0…31), after forgetting an older request.
    @inline(__always) static func enable(_ number: UInt32) {
        Register(0xE000_E280).store(1 << number)  // ICPR
        Register(0xE000_E100).store(1 << number)  // ISER
    }

    /// Makes interrupt `number` happen.
    @inline(__always) static func request(_ number: UInt32) { Register(0xE000_E200).store(1 << number) }  // ISPR
}

/// The clock of CPU and peripherals: 25 MHz (AN386, 4.2).
let clockHertz: UInt32 = 25_000_000
