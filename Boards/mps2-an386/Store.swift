// Name of the board, and where it keeps what must survive: 64 KB of PSRAM that the emulator saves (LinkerScripts/mps2-an386.ld).

import MCU
import Startup

public var boardName: StaticString { "mps2-an386" }

public typealias BoardUSB = VirtualUSBPort

public typealias BoardFlash = RAMFlash

/// The store's pages.
public func boardFlash() -> BoardFlash {
    BoardFlash(address: UInt(startup_store_address()), pageCount: 16)
}

/// True when the chip has a random generator that keys can come from. A constant: what the other kind of chip needs takes no flash.
@inline(__always) public var boardHasTrueRandom: Bool { false }
