// Name of the board, and where it keeps what must survive: sectors 1 to 4 of the chip's flash (LinkerScripts/stm32f411.ld).

import MCU

public var boardName: StaticString { "blackpill-f411" }

public typealias BoardUSB = OTGPort

public typealias BoardFlash = SectorFlash<Peripheral, Peripheral>

/// The store's pages: three of 16 KB and one of 64 KB.
public func boardFlash() -> BoardFlash {
    BoardFlash(registers: Peripheral(Base.flash), memory: Peripheral(0x0800_0000), firstSector: 1, count: 4)
}

/// True when the chip has a random generator that keys can come from. A constant: what the other kind of chip needs takes no flash.
@inline(__always) public var boardHasTrueRandom: Bool { false }
