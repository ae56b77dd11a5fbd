// The texts of a new driver, application and board. Each builds as it stands; what it says of itself is to be replaced.
import BoardFacts

extension Skeleton {
    enum Template {
        static func driver(_ name: Name) -> String {
            """
            // \(name.type): say in one line what this thing is.

            import DeviceModel
            import HAL

            /// On while its pin is high. Safe state: off.
            public struct \(name.type)<Pin: OutputPin>: Device {
                /// The grammar is in Firmware/DeviceModel/Interface.swift: methods | kind and unit of the state | events.
                @inline(__always) public static var interface: StaticString { "on;off;toggle|\(name.hyphened):bool|" }
                private var pin: Pin

                /// - Parameter pin: made an output by the board; its level is not changed here.
                @inline(__always) public init(_ pin: Pin) { self.pin = pin }

                public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
                    if method == 0 || method == 2 && !pin.isSetHigh { pin.setHigh() } else { pin.setLow() }
                    return .none
                }

                public var state: Value { .boolean(pin.isSetHigh) }
                public mutating func enterSafeState() { pin.setLow() }
            }

            """
        }

        static func driverTest(_ name: Name) -> String {
            """
            // \(name.type) on a simulated pin. LIGHTNODE_VCD=folder writes its waveform.

            import Drivers
            import SimulatedPins
            import Testing

            @Suite("\(name.type)")
            struct \(name.type)Tests {
                @Test("It is on while its pin is high, and off in its safe state")
                func switches() throws {
                    let waveform = Waveform()
                    var bench = Bench(\(name.type)(SimulatedOutput(waveform, "pin")), waveform)
                    expect(bench.call("on").text, "done")
                    expect(bench.value, 1)
                    bench.run(milliseconds: 10)
                    expect(bench.call("toggle").text, "done")
                    expect(bench.value, 0)
                    expect(bench.call("explode").text, "unknown method")
                    bench.call("on")
                    bench.enterSafeState(device: 0)
                    expect(bench.value, 0)
                    expect(waveform.history("pin").map(\\.value), [1, 0, 1, 0])
                    try waveform.writeIfAsked(as: "\(name.type)")
                }
            }

            """
        }

        static func application(_ name: Name) -> String {
            """
            // \(name.type): say in one line what it does for whom.

            import Devices
            import NodeRuntime

            struct \(name.type): Application {
                /// The light follows the relay, whatever switches it.
                mutating func handle(_ event: DeviceEvent) {
                    guard `$`("relay").hasChanged(in: event) else { return }
                    if `$`("relay").isOn { `$`("led").on() } else { `$`("led").off() }
                }
            }

            runNode(\(name.type)())

            """
        }

        static func applicationTest(_ name: Name, boards: [String]) -> String {
            """
            // The story of Firmware/Apps/\(name.hyphened), on an emulated board and seen through QEMU's registers.
            import ControlNode
            import Foundation
            import Testing

            @Suite("\(name.type)", .serialized)
            struct \(name.type)Tests {
                @Test("The light follows the relay", arguments: [\(boards.map { "\"\($0)\"" }.joined(separator: ", "))])
                func follows(name: String) async throws {
                    let stage = try await Stage("\(name.hyphened)", on: name)
                    try await stage.owner.`$`("relay").on()
                    #expect(try stage.isHigh("relay"))
                    #expect(try await stage.wait { try stage.isLit() })
                    try await stage.owner.`$`("relay").off()
                    #expect(try await stage.wait { try !stage.isLit() })
                    try await stage.node.powerOff()
                }
            }

            """
        }

        static func boardReadme(_ name: Name, like board: Board) -> String {
            """
            # \(name.hyphened)

            Say what it is: chip, clock, flash, RAM. Begun with the wiring of `\(board.name)` (\(board.title)).

            **State: never run.** Say what has been seen of it: builds, QEMU, register models, hardware.

            `lightnode layout --board \(name.hyphened)` draws the wiring that the rows of board.json give.

            """
        }

        static func boardTest(_ name: Name, device: String) -> String {
            """
            // The devices of Boards/\(name.hyphened), called as an application calls them.
            import Devices
            import FirmwareTesting
            import MCU

            @main enum \(name.type)Board: FirmwareSuite {
                @used static func `\(device) is on when it is told so, and off in its safe state`() {
                    _ = BoardHardware()
                    var devices = BoardDevices()
                    devices.enterSafeState()
                    expect(`$`("\(device)").isOn == false)
                    `$`("\(device)").on()
                    expect(`$`("\(device)").isOn == true)
                    devices.enterSafeState()
                    expect(`$`("\(device)").isOn == false)
                }
            }

            """
        }
    }
}
