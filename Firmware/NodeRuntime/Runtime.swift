// Runs a node on a board: serial link, CoAP, executor, application, watchdog, in one loop without an operating system.

import Board
import CoAP
import Devices
import FlashStore
import HAL
import LightNode
import MCU
import NodeServer
import Slipmux
import Startup

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

/// The longest request, in bytes: a command under a grant that was passed on twice, with CoAP's header and options.
let requestCapacity = 1024

nonisolated(unsafe) private var decoder = SlipmuxDecoder<1024>()
nonisolated(unsafe) private var server = NodeServer(
    Node(flash: boardFlash(), devices: BoardDevices(), platform: BoardPlatform()))

/// Runs the node for ever.
public func runNode<App: Application>(_ application: consuming App) -> Never {
    run(&application, &server, &decoder)
}

/// By reference: each access to a global would ask again whether it has been made.
@inline(never)
private func run<App: Application>(
    _ application: inout App, _ server: inout NodeServer<BoardFlash, BoardDevices, BoardPlatform>,
    _ decoder: inout SlipmuxDecoder<1024>
) -> Never {
    log("light node: ", bootMessage(server.node.condition))
    startWatchdog()
    application.start()
    while true {
        feedWatchdog()
        receive(&server, &decoder)
        server.node.poll()
        application.step(Instant(microseconds: uptime()))
        while let event = server.node.devices.nextEvent() { application.handle(event) }
        rest()
    }
}

/// Sleeps until something happens, for two milliseconds at most.
@inline(never)
private func rest() {
    guard hardware.serial.isIdle else { return }
    hardware.clock.wake(inMicroseconds: 2000)
    startup_wait_for_interrupt()
}

@inline(never)
private func startWatchdog() { hardware.watchdog.start(timeoutMilliseconds: 8000) }

@inline(never)
private func feedWatchdog() { hardware.watchdog.feed() }

@inline(never)
private func readByte() -> UInt8? { hardware.serial.readByte() }

/// Takes what the serial line has brought; answers each whole request.
@inline(never)
private func receive(
    _ server: inout NodeServer<BoardFlash, BoardDevices, BoardPlatform>, _ decoder: inout SlipmuxDecoder<1024>
) {
    while let byte = readByte() {
        guard case .coap = decoder.receive(byte) else { continue }
        server.receive(decoder.content)
        let answer = server.answer
        if answer.byteCount > 0 { Slipmux.sendCoAP(answer, send) }
        feedWatchdog()
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
