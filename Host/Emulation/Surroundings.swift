// What surrounds a board: buttons that are pressed and parts that measure, worked from a test while the firmware runs.
import Foundation
import Reporting

extension EmulatedBoard {
    /// Presses a button of the board (a row of board.json whose driver is `Button`), until `release`.
    /// - Throws: `Failure` naming the buttons there are.
    public func press(_ button: String) throws { try set(button, pressed: true) }

    /// Lets a button go; nothing happens to one that is not pressed.
    /// - Throws: `Failure` naming the buttons there are.
    public func release(_ button: String) throws { try set(button, pressed: false) }

    private func set(_ name: String, pressed: Bool) throws {
        let buttons = board.emulatedButtons
        guard let button = buttons[name] else {
            let known = buttons.keys.sorted().joined(separator: ", ")
            throw Failure(
                .environment, "the emulated \(board.name) has no button \"\(name)\"",
                advice: (known.isEmpty ? "It has none" : "There are: \(known)"))
        }
        try setInput(pin: button.pin, high: pressed == button.pressedIsHigh)
    }

    /// Sets what a part of the surroundings measures: `set("temperature", of: "t1", to: 25_500)` for the part that
    /// `-device tmp105,address=0x48,id=t1` (`Configuration.extraArguments`) has put on the bus. Units are the part's: here 0.001 °C.
    /// - Throws: `Failure` with QEMU's words when there is no such part or property.
    public func set(_ property: String, of part: String, to value: Int) throws {
        try execute("qom-set", ["path": "/machine/peripheral/\(part)", "property": property, "value": value])
    }
}
