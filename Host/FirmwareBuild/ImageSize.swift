// Where an image's bytes go (R16): flash and static RAM, as a whole and per module, from its sections and symbols.
import BoardFacts
import Foundation
import Image
import Reporting

/// The bytes of one part of an image.
public struct Footprint: Codable, Equatable, Sendable {
    /// Bytes of flash: code, constants and the first values of variables.
    public var flash = 0
    /// Bytes of RAM that are taken before the program starts.
    public var ram = 0

    /// Both numbers are bytes.
    public init(flash: Int = 0, ram: Int = 0) {
        self.flash = flash
        self.ram = ram
    }
}

/// The footprint of an image.
public struct ImageSize: Codable, Sendable {
    /// Flash from the vector table to the image's end, and static RAM; the modules add up to it.
    public var total: Footprint
    /// By module: the one whose source a symbol comes from, also when it was specialised or inlined elsewhere as a whole. What has no
    /// symbol of a module's own (texts, merged constants, padding) is `ImageSize.unnamed`.
    public var modules: [String: Footprint]

    /// The name in `modules` of the bytes that no module can be given.
    public static let unnamed = "(texts, constants, padding)"
    static let swiftLibrary = "Swift"
    static let compilerRuntime = "libgcc"
    static let startup = "Startup and C"

    /// Measures `image` as `board` holds it.
    /// - Throws: `Failure` when it does not fit the board's flash.
    public init(_ image: ELFImage, board: Board) throws {
        let flash = board.flash.range, ram = board.ram.range
        total = Footprint(flash: try image.file.flat(in: flash).count, ram: image.staticRAM(in: ram))
        modules = [:]
        let initialised = image.sections.filter { ram.contains($0.address) && $0.hasContents }.map {
            $0.address..<$0.address + UInt64($0.size)
        }
        // Several names may stand for the same bytes: Swift's says most.
        var counted: Set<UInt64> = []
        let named = image.symbols.filter { $0.size > 0 }
            .sorted { ($0.value & ~1, Self.rank($0), $0.name) < ($1.value & ~1, Self.rank($1), $1.name) }
        for symbol in named {
            let address = symbol.isFunction ? symbol.value & ~1 : symbol.value
            guard flash.contains(address) || ram.contains(address), counted.insert(address).inserted else { continue }
            let module = Self.module(of: symbol.name)
            if flash.contains(address) { modules[module, default: Footprint()].flash += symbol.size }
            if ram.contains(address) { modules[module, default: Footprint()].ram += symbol.size }
            if initialised.contains(where: { $0.contains(address) }) {
                modules[module, default: Footprint()].flash += symbol.size
            }
        }
        let known = modules.values.reduce(into: Footprint()) {
            $0.flash += $1.flash; $0.ram += $1.ram
        }
        var rest = modules[Self.unnamed] ?? Footprint()
        rest.flash += total.flash - known.flash
        rest.ram += total.ram - known.ram
        modules[Self.unnamed] = rest
    }

    private static func rank(_ symbol: ELFImage.Symbol) -> Int { symbol.name.hasPrefix("$") ? 0 : 1 }

    /// The module that a symbol's name tells. Swift's names begin with `$s` or, in Embedded Swift, `$e`, and the length and name of the
    /// module (Swift ABI, "Mangling").
    public static func module(of symbol: String) -> String {
        if symbol.hasPrefix("$s") || symbol.hasPrefix("$e") {
            let rest = symbol.dropFirst(2)
            let digits = rest.prefix { $0.isNumber }
            if let length = Int(digits), length > 0, rest.count >= digits.count + length {
                return String(rest.dropFirst(digits.count).prefix(length))
            }
            // `s`: the standard library; `So`: imported from C.
            return rest.hasPrefix("So") ? startup : swiftLibrary
        }
        if symbol.hasPrefix("swift_") || symbol.hasPrefix("_swift") { return swiftLibrary }
        if symbol.hasPrefix("ed25519_") { return "Ed25519Kernel" }
        if symbol.wholeMatch(of: /__.*[sdt][ifc][23]?(_.*)?|__aeabi_[uil].*|__udivmoddi4/) != nil,
            !symbol.hasPrefix("__aeabi_mem")
        {
            return compilerRuntime
        }
        if symbol.hasPrefix(".L") || symbol.hasPrefix("__unnamed") { return unnamed }
        if symbol.wholeMatch(of: /IRQ\d+_Handler/) != nil { return "MCU" }
        if symbol == "lightnode_fault" { return "NodeRuntime" }
        return startup
    }

    /// Modules, largest first, by flash and RAM together.
    public var largest: [(name: String, size: Footprint)] {
        modules.map { (name: $0.key, size: $0.value) }
            .sorted { ($1.size.flash + $1.size.ram, $0.name) < ($0.size.flash + $0.size.ram, $1.name) }
    }

    /// The module that grew most since `former`, by flash and RAM together; nil when none did.
    public func grewMost(since former: ImageSize) -> (name: String, bytes: Int)? {
        let growth = Set(modules.keys).union(former.modules.keys).map { name in
            let now = modules[name] ?? Footprint(), then = former.modules[name] ?? Footprint()
            return (name: name, bytes: now.flash + now.ram - then.flash - then.ram)
        }
        return growth.filter { $0.bytes > 0 }.max { ($0.bytes, $1.name) < ($1.bytes, $0.name) }
    }
}
