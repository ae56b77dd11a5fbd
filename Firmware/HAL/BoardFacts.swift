// What the start of a chip asks of the board that the chip is on.

/// Made from the board's board.json. What one chip asks for beyond this is its `ChipBoard` in Firmware/MCU.
public protocol BoardFacts {
    /// The name of its folder in Boards.
    static var name: StaticString { get }
    /// Address of the image, whose vector table comes first.
    static var vectors: UInt32 { get }
    /// Makes every pin that a device uses what the device needs, outputs at their safe level. The pins' clocks must run.
    static func configurePins()
}
