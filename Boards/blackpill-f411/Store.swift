// Where the node keeps its records, and what the board is called.

import MCU

public var boardName: StaticString { "blackpill-f411" }

public typealias BoardFlash = SectorFlash<Peripheral, Peripheral>

/// Sectors 6 and 7 of the chip's flash, 128 KB each (LinkerScripts/stm32f411.ld).
public func boardFlash() -> BoardFlash {
    BoardFlash(registers: Peripheral(Base.flash), memory: Peripheral(0x0800_0000), firstSector: 6, count: 2)
}
