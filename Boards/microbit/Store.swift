// Name of the board, and where it keeps what must survive: the last 16 KB of the chip's flash (LinkerScripts/nrf51822.ld).

import HAL
import MCU
import Startup

public var boardName: StaticString { "microbit" }

public typealias BoardUSB = NoUSB

public typealias BoardFlash = CodeFlash

/// The store's pages.
public func boardFlash() -> BoardFlash {
    BoardFlash(address: UInt(startup_store_address()), pageCount: 16)
}

/// True when the chip has a random generator that keys can come from. A constant: what the other kind of chip needs takes no flash.
@inline(__always) public var boardHasTrueRandom: Bool { true }
