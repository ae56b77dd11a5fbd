// Many devices named in one function: each name is decided when the image is built, and none of it asks for heap. That this image links is
// half of the test.
import Board
import FirmwareTesting
import MCU

@main enum Names: FirmwareSuite {
    @used static func `thirty names in one function reach their devices`() {
        _ = BoardHardware()
        var devices = BoardDevices()
        devices.enterSafeState()
        var events = 0
        while let event = devices.nextEvent() {
            if `$`("button-a").wasPressed(in: event) { `$`("led").on() }
            if `$`("button-a").wasHeld(in: event) { `$`("lock").open(for: .seconds(1)) }
            if `$`("button-b").wasPressed(in: event) { `$`("lock").close() }
            if `$`("button-b").wasDoublePressed(in: event) { `$`("relay").pulse(for: .seconds(1)) }
            if `$`("lock").hasRelocked(in: event) { `$`("dimmer").set(level: 0) }
            if `$`("relay").hasChanged(in: event) { `$`("thermometer").read() }
            events += 1
        }
        expect(events == 0)
        `$`("lock").open()
        `$`("relay").on()
        expect(`$`("lock").isOpen)
        expect(`$`("relay").isOn)
        `$`("lock").close()
        `$`("relay").toggle()
        expect(`$`("lock").isOpen == false)
        expect(`$`("relay").isOn == false)
        `$`("dimmer").fade(to: 100, for: .seconds(1))
        `$`("dimmer").off()
        `$`("display").clear()
        `$`("led").toggle()
        expect(`$`("led").isOn)
        `$`("led").off()
        expect(`$`("led").isOn == false)
        expect(`$`("button-a").isPressed == false)
    }
}
