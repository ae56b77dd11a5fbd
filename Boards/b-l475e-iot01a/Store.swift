// Name of the board, and where it keeps what must survive: the last 64 KB of 512 (LinkerScripts/stm32l475.ld).

import HAL
import MCU
import Startup

public var boardName: StaticString { "b-l475e-iot01a" }

public typealias BoardFlash = PageFlash<Peripheral, Peripheral>

/// The chip's USB controller is not used yet, and QEMU does not model it.
public typealias BoardUSB = NoUSB

/// The store's pages.
public func boardFlash() -> BoardFlash {
    partFlash(firstPage: Int(startup_store_address() - 0x0800_0000) / 2048, count: 32)
}

/// True when the chip has a random generator that keys can come from. A constant: what the other kind of chip needs takes no flash.
@inline(__always) public var boardHasTrueRandom: Bool { false }
