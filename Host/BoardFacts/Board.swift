// The facts about a board that the host needs, read from Boards/<board>/board.json.
import Foundation
import Reporting

/// An address, a size or a mask of 32 bits: written in JSON as a number or as hexadecimal text ("0x3C000").
public struct Word: Codable, Hashable, Sendable, EncodedAsText {
    /// The number itself, at most `UInt32.max` when it was read from JSON; held wider so that a sum of two cannot overflow.
    public var value: UInt64

    /// A word of any value; only decoding checks that it fits 32 bits.
    public init(_ value: UInt64) { self.value = value }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(UInt64.self) {
            value = number
        } else {
            let text = try container.decode(String.self)
            guard text.lowercased().hasPrefix("0x"), let number = UInt64(text.dropFirst(2), radix: 16) else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "\"\(text)\" is neither a number nor hexadecimal like \"0x3C000\"")
            }
            value = number
        }
        // The sum of two such values is an address that 64 bits hold.
        guard value <= UInt64(UInt32.max) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "\(self) is beyond the address space of a 32-bit chip")
        }
    }

    public var description: String { "0x" + String(value, radix: 16, uppercase: true) }
    /// `value` as a signed integer, for counts and offsets.
    public var int: Int { Int(value) }
}

/// One board: its chip, memories, emulator and ways to flash it.
public struct Board: Codable, Sendable {
    /// A range of the address space.
    public struct Memory: Codable, Sendable {
        /// Address of its first byte.
        public var address: Word
        /// Bytes.
        public var size: Word

        /// Its addresses, the end excluded.
        public var range: Range<UInt64> { address.value..<address.value + size.value }
    }

    /// The NOR flash that keeps records; images must stay out of it.
    public struct Store: Codable, Sendable {
        /// Address of its first byte; it may lie inside `Board.flash`, on a chip that has one flash for both.
        public var address: Word
        /// Bytes.
        public var size: Word
        /// Bytes of one erase page, of the smallest when they differ.
        public var page: Word

        /// The addresses that no image may touch, the end excluded.
        public var range: Range<UInt64> { address.value..<address.value + size.value }
    }

    /// How QEMU runs the board.
    public struct Emulator: Codable, Sendable {
        /// Where QEMU keeps what the firmware programs.
        public enum Flash: String, Codable, Sendable {
            /// QEMU models the chip's non-volatile memory controller (nRF51): image and store live in it.
            case nrf51
            /// The image is loaded into RAM; the store is the start of the machine's PSRAM, backed by the flash file.
            case psram
            /// The image is loaded into the modelled flash, which has no controller: the store is not kept.
            case none
        }
        /// QEMU's name of the machine (`-M`).
        public var machine: String
        /// The first QEMU release whose model is good enough, "7.2".
        public var minimumVersion: String
        /// How this machine keeps the image and the store.
        public var flash: Flash
        /// QOM path whose outputs qtest reports as pin changes, when the machine models its pins.
        public var interruptOutputs: String?
        /// Number of that device's first pin: 16 for the second of several ports; 0 when absent.
        public var firstOutput: Int?
        /// Name of that device's input pins.
        public var inputs: String?
        /// QOM paths of the ports whose input pins have that name, when there are several, of 16 pins each.
        public var inputPorts: [String]?
        /// How to see that the UART holds a byte that the firmware has not taken: see Host/Emulation/LineNoise.swift.
        public var receiver: Receiver?
        /// Buses of the board at which QEMU can put parts that it models; absent when there are none.
        public var buses: [String]?
        /// State register of the second UART, when it is the wire of a virtual USB (Host/Emulation/USBCable.swift).
        public var usbState: Word?

        /// When the UART's receiver holds a byte that the firmware has not taken.
        public struct Receiver: Codable, Sendable {
            /// Address of the register to poll.
            public var register: Word
            /// Bits of it that are set then.
            public var full: Word
        }
    }

    /// Where a register shows an output pin.
    public struct OutputLevel: Hashable, Codable, Sendable {
        /// Register that holds the output's level.
        public var register: Word
        /// Register that tells which pins are outputs, where there is one with the same bits.
        public var direction: Word?
        /// Number of its bit in both.
        public var bit: Int
    }

    /// How to see the board's lights from outside the firmware.
    public struct Display: Codable, Sendable {
        /// One light: it is lit while all of `high` are driven high and all of `low` low.
        public struct Light: Codable, Sendable {
            /// Its device, "led"; nil for a light of a matrix.
            public var name: String?
            /// Outputs at its positive side; empty when that is the supply.
            public var high: [OutputLevel]
            /// Outputs at its negative side; empty when that is ground.
            public var low: [OutputLevel]
        }
        /// Line by line from the top left, as the viewer sees it; one line for single lights.
        public var lights: [[Light]]
        /// True when firmware shows it row by row, so that one look does not see all.
        public var isScanned: Bool

        /// The registers that show the lights' outputs, each once, in the order of the lights.
        public var registers: [Word] {
            var found: [Word] = []
            for level in lights.joined().flatMap({ $0.high + $0.low }) where !found.contains(level.register) {
                found.append(level.register)
            }
            return found
        }
    }

    /// What an image may take at most, in bytes.
    public struct Budget: Codable, Sendable {
        /// The image from its vector table to its end.
        public var flash: Word?
        /// Static RAM.
        public var ram: Word?
        /// Stack, measured.
        public var stack: Word?
    }

    /// The drive that the board's interface chip shows.
    public struct MassStorage: Codable, Sendable {
        /// Label of its volume.
        public var label: String
        /// First four digits of the unique id in its DETAILS.TXT; empty: any.
        public var boardCodes: [String]
    }

    /// How OpenOCD reaches the chip.
    public struct OpenOCD: Codable, Sendable {
        /// Script of the target, "target/nrf51.cfg".
        public var target: String
        /// Commands after it.
        public var commands: [String]?
    }

    /// What the board shows on USB in one of its roles; `lightnode udev` makes a rule of each, and `dfu` finds devices by it.
    public struct USBIdentity: Codable, Sendable {
        /// idVendor of the device descriptor (USB 2.0, table 9-8), 16 bits.
        public var vendor: Word
        /// idProduct of the device descriptor (USB 2.0, table 9-8), 16 bits.
        public var product: Word
        /// What is behind it, for people: "ROM bootloader (DFU)".
        public var role: String
    }

    /// The name of its folder in Boards, as `--board` takes it; an image's header holds it in at most 16 bytes.
    public var name: String
    /// What people call it, with chip and core.
    public var title: String
    /// Folder of Firmware/MCU.
    public var mcu: String
    /// The core as compilers name it, "cortex-m0" (`-mcpu`).
    public var core: String
    /// Target triple of the firmware.
    public var triple: String
    /// Hertz of its crystal; absent when the chip needs none.
    public var crystal: UInt32?
    /// The flash that holds the image, from its vector table on.
    public var flash: Memory
    /// Where the chip starts, when that is not the image's vector table: holds the boot code that jumps to it.
    public var boot: Memory?
    /// The RAM of the program; an image whose first stack pointer lies elsewhere is not flashed.
    public var ram: Memory
    /// Absent when no memory is set aside for records: an image may then fill all of the flash.
    public var store: Store?
    /// Absent when QEMU has no model of the board.
    public var emulator: Emulator?
    /// Lights that are wired as a matrix, if it has such.
    public var matrix: MatrixRow?
    /// What can be seen of it from outside the firmware. Not in board.json: `BoardCatalogue.board` finds it, and whoever keeps a board keeps it.
    public internal(set) var seen: Seen?
    /// By name, where registers show the devices that are an `output` of their row.
    public var outputs: [String: OutputLevel] { seen?.outputs ?? [:] }
    /// Its matrix, or its LEDs; nil when the board has no light that can be seen through registers.
    public var display: Display? { seen?.display }
    /// Number of the chip's family in UF2 files, if it has one. Found like `seen`.
    public internal(set) var uf2Family: Word?
    /// Settings of the chip that no image may hold. Found like `seen`.
    public internal(set) var configuration: [ChipFacts.Configuration] = []
    /// How the board's pins are written, such as "P0.{number}" or "P{port}{pin}", and the number of the first of them: a number for each
    /// pin, as the chip's drivers take it.
    public var pins: [String: UInt32]?
    /// Pins that the board itself uses.
    public var wires: [WireRow]?
    /// Buses that rows of `devices` may name; absent when there are none.
    public var buses: [BusRow]?
    /// The devices, in the order of their indices.
    public var devices: [DeviceRow]?
    /// By application.
    public var budgets: [String: Budget]?
    /// What `lightnode provision` sets in the chip so that its flash cannot be read; absent where there is nothing to set.
    public var readbackProtection: String?
    /// Who can read the flash, identity key and all, as long as that is not set: subject of a sentence that goes on with "can".
    public var readbackWay: String?
    /// Ways to flash it, as `lightnode flash` knows them.
    public var flashing: [String]
    /// Facts of the way `mass-storage`.
    public var massStorage: MassStorage?
    /// Facts of the way `openocd`.
    public var openocd: OpenOCD?
    /// Everything that the board shows on USB: debugger, bootloader, node. Empty when it has no USB.
    public var usb: [USBIdentity]

    private enum CodingKeys: CodingKey {
        case name, title, mcu, core, triple, crystal, flash, boot, ram, store, emulator, matrix, pins, wires, buses, devices,
            budgets, seen
        case readbackProtection, readbackWay, flashing, massStorage, openocd, usb
    }
}

/// The boards of a source tree.
public struct BoardCatalogue: Sendable {
    /// Folder that holds Package.swift and Boards/.
    public let root: URL

    /// The catalogue of `root`, or of the nearest folder upwards from the current one that has Boards/ and Package.swift
    /// (`LIGHTNODE_ROOT` overrides).
    /// - Throws: `Failure` when there is none.
    public init(root: URL? = nil) throws {
        if let root {
            self.root = root
            return
        }
        if let path = ProcessInfo.processInfo.environment["LIGHTNODE_ROOT"] {
            self.root = URL(fileURLWithPath: path)
            return
        }
        var folder = URL(fileURLWithPath: FileManager.default.currentDirectoryPath).standardizedFileURL
        while true {
            let files = FileManager.default
            if files.fileExists(atPath: folder.path + "/Boards"), files.fileExists(atPath: folder.path + "/Package.swift") {
                self.root = folder
                return
            }
            if folder.path == "/" { break }
            folder.deleteLastPathComponent()
        }
        throw Failure(
            .environment, "no light node source tree here: neither this folder nor one above it has Package.swift and Boards/",
            advice: "Change into the tree, or set LIGHTNODE_ROOT to it")
    }

    /// Names of all boards, sorted.
    public var names: [String] {
        let folder = root.appendingPathComponent("Boards").path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)/board.json") }.sorted()
    }

    /// The board of that name.
    /// - Throws: `Failure` naming the boards there are, or what is wrong in board.json.
    public func board(_ name: String) throws -> Board {
        let file = root.appendingPathComponent("Boards/\(name)/board.json")
        guard !name.contains("/"), let data = try? Data(contentsOf: file) else {
            throw Failure(.environment, "no board \"\(name)\"", advice: "There are: \(names.joined(separator: ", "))")
        }
        do {
            var board = try JSONDecoder().decode(Board.self, from: data)
            board.resolve(try ChipFacts(of: board, in: self))
            return board
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(
                .environment, "Boards/\(name)/board.json cannot be read: \(Self.words(for: error))", advice: "Correct that file")
        }
    }

    /// All boards, sorted by name.
    /// - Throws: `Failure` that says what is wrong in a board.json.
    public func boards() throws -> [Board] { try names.map(board) }
}

extension BoardCatalogue {
    /// What is wrong in a JSON file, in words that name the key.
    public static func words(for error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            "\"\((context.codingPath + [key]).map(\.stringValue).joined(separator: "."))\" is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")): \(context.debugDescription)"
        default: "\(error)"
        }
    }
}
