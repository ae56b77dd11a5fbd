// Runs a node on a board: wires, CoAP, executor, application, watchdog, in one loop without an operating system.

import Board
import CoAP
import DeviceModel
import FlashStore
import HAL
import LightNode
import MCU
import NodeServer
import Slipmux
import Startup
import Vocabulary

/// What an application adds to a node: it runs between messages, and sees what happens in devices.
public protocol Application {
    /// Once, before the first message. Devices are in their safe state.
    mutating func start()
    /// Every few milliseconds. Must return within a few milliseconds.
    mutating func step(_ now: Instant)
    /// A device did something: a button was pressed, a state changed.
    mutating func handle(_ event: DeviceEvent)
}

extension Application {
    public mutating func start() {}
    public mutating func step(_ now: Instant) {}
    public mutating func handle(_ event: DeviceEvent) {}
}

/// The longest request is a command under a grant that was passed on twice, with CoAP's header and options.
private typealias Decoder = SlipmuxDecoder<1024>
typealias Server = NodeServer<ChipFlash, BoardDevices, BoardPlatform>

nonisolated(unsafe) private var decoder = Decoder()
nonisolated(unsafe) private var usbDecoder = Decoder()
nonisolated(unsafe) private var usbPresence = USBPresence()
nonisolated(unsafe) private var server = NodeServer(
    Node(unread: boardFlash(), devices: BoardDevices(), platform: BoardPlatform()))

/// Runs the node for ever.
public func runNode<App: Application>(_ application: consuming App) -> Never {
    run(&application, &server, &decoder)
}

/// By reference: each access to a global would ask again whether it has been made.
@inline(never)
private func run<App: Application>(
    _ application: inout App, _ server: inout Server, _ decoder: inout Decoder
) -> Never {
    server.node.boot()
    log("light node: ", bootMessage(server.node.condition))
    startWatchdog()
    offerReset(&server)
    application.start()
    while true {
        feedWatchdog()
        _ = receive(SerialWire.self, &server, &decoder)
        if ChipUSB.isPresent { serveUSB(&server, &usbDecoder) }
        server.node.noteButton(isDown: BoardDevices.isResetButtonDown)
        server.poll()
        if server.notification.byteCount > 0 { notify(server) }
        application.step(Instant(microseconds: uptime()))
        while let event = server.nextEvent() { application.handle(event) }
        rest()
    }
}

/// Sleeps until something happens, for two milliseconds at most. Interrupts are masked meanwhile, and end the sleep all the same: one that
/// came between the look and `wfi`, the alarm above all, would be over before, and the node would sleep until the watchdog.
@inline(never)
private func rest() {
    startup_disable_interrupts()
    if hardware.serial.isIdle, !ChipUSB.isPresent || hardware.usb.isIdle {
        hardware.clock.wake(inMicroseconds: 2000)
        startup_wait_for_interrupt()
    }
    startup_enable_interrupts()
}

@inline(never)
private func startWatchdog() { hardware.watchdog.start(timeoutMilliseconds: 8000) }

@inline(never)
func feedWatchdog() { hardware.watchdog.feed() }

/// Takes what a wire has brought; answers each whole request. True when there was anything.
@inline(never)
private func receive<W: Wire>(_ wire: W.Type, _ server: inout Server, _ decoder: inout Decoder) -> Bool {
    var isHeard = false
    while let byte = W.readByte() {
        isHeard = true
        let event = decoder.receive(byte)
        guard event == .coap || event == .cut else { continue }
        server.receive(decoder.content, isCut: event == .cut, from: W.number)
        transmit(wire, server.answer)
        feedWatchdog()
    }
    return isHeard
}

/// A datagram that a wire has no room for is lost; whoever waits for it asks again.
@inline(never)
private func transmit<W: Wire>(_ wire: W.Type, _ datagram: RawSpan) {
    guard datagram.byteCount > 0, W.hasRoom(for: datagram.byteCount) else { return }
    Slipmux.sendCoAP(datagram, W.send)
    W.flush()
}

@inline(never)
private func notify(_ server: borrowing Server) {
    if ChipUSB.isPresent, server.notificationWire == USBWire.number {
        transmit(USBWire.self, server.notification)
    } else {
        transmit(SerialWire.self, server.notification)
    }
}

/// Serves the node over USB. A host that asks for the bootloader gets it when devices are safe.
private func serveUSB(_ server: inout Server, _ decoder: inout Decoder) {
    if receive(USBWire.self, &server, &decoder) { usbPresence.noteTraffic() }
    usbPresence.step(server.node.address)
    if hardware.usb.isBootloaderWanted {
        server.node.devices.enterSafeState()
        log("bootloader")
        hardware.usb.enterBootloader()
    }
}

@inline(never)
private func bootMessage(_ condition: Condition) -> StaticString {
    switch condition {
    case .blank: "blank"
    case .unowned: "unowned"
    case .owned: "owned"
    case .damaged: "DAMAGED: see /status"
    }
}
