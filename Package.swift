// swift-tools-version: 6.2
// One package for both worlds. Without LIGHTNODE_BOARD: the portable firmware modules, the host tools and their tests.
// With LIGHTNODE_BOARD=<board>: the firmware images of that board and nothing of the host (no dependency is fetched).
import Foundation
import PackageDescription

/// The subfolders of `path`: one firmware application, test suite or MCU family each.
func folders(_ path: String) -> [String] {
    let root = Context.packageDirectory + "/" + path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.filter { name in
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: root + "/" + name, isDirectory: &isDirectory) && isDirectory.boolValue
    }.sorted()
}

/// The modules that the Swift files of a folder import, of those given: an image is built of what it uses.
func imports(_ path: String, of targets: [Target]) -> [Target.Dependency] {
    let root = Context.packageDirectory + "/" + path
    let files = (FileManager.default.enumerator(atPath: root)?.allObjects as? [String]) ?? []
    let lines = files.filter { $0.hasSuffix(".swift") }
        .flatMap { ((try? String(contentsOfFile: root + "/" + $0, encoding: .utf8)) ?? "").split(separator: "\n") }
        .flatMap { $0.split(separator: " ") }
    return targets.filter { lines.contains(Substring($0.name)) }.map { .byName(name: $0.name) }
}

let embeddedFeatures: [SwiftSetting] = [
    .enableExperimentalFeature("Lifetimes"),
    .enableExperimentalFeature("Extern"),
    .enableExperimentalFeature("SymbolLinkageMarkers"),
]

func firmware(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency] = [], exclude: [String] = [],
              settings: [SwiftSetting] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: path ?? "Firmware/\(name)", exclude: exclude,
            swiftSettings: embeddedFeatures + settings)
}

// Lower modules never import higher ones; this list is in that order.
let portable: [Target] = [
    firmware("Ed25519", settings: [.enableExperimentalFeature("Volatile")]),
    firmware("CBOR"),
    firmware("COSE", ["CBOR"]),
    firmware("CoAP", ["CBOR"]),
    firmware("Slipmux"),
    firmware("Bech32"),
    firmware("HAL"),
    firmware("FlashStore", ["HAL"]),
    firmware("Devices", ["HAL"]),
    firmware("LightNode", ["Ed25519", "CBOR", "COSE", "Bech32", "HAL", "FlashStore", "Devices"]),
]

let package = Package(name: "lightnode", platforms: [.macOS(.v26)], targets: portable)

if Context.environment["LIGHTNODE_BOARD"] == nil {
    package.targets += [
        .systemLibrary(name: "CSodium", path: "Host/CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .testTarget(name: "Ed25519Tests", dependencies: ["Ed25519", "CSodium"], exclude: ["tables.py", "model.py", "vectors.py"],
                    resources: [.copy("vectors.json")], swiftSettings: [.enableExperimentalFeature("Lifetimes")]),
    ]
    // Images, emulated boards and the test runner.
    package.targets += [
        .target(name: "Reporting", path: "Host/Reporting"),
        .target(name: "FirmwareBuild", dependencies: ["Reporting", "CSodium"], path: "Host/FirmwareBuild"),
        .target(name: "Emulation", dependencies: ["FirmwareBuild", "Reporting"], path: "Host/Emulation"),
        .testTarget(name: "EmulationTests", dependencies: ["Emulation", "FirmwareBuild"], path: "Tests/EmulationTests"),
    ]
}

if let board = Context.environment["LIGHTNODE_BOARD"] {
    let mcu = Context.environment["LIGHTNODE_MCU"] ?? ""
    package.targets += [
        .target(
            name: "Startup", path: "Firmware/Startup", cSettings: [.define("LIGHTNODE_BOARD_NAME", to: "\"\(board)\"")]),
        firmware("MCU", path: "Firmware/MCU/\(mcu)", ["HAL", "Startup"], settings: [.enableExperimentalFeature("Volatile")]),
        firmware("Board", path: "Boards/\(board)", ["MCU", "HAL", "Devices", "FlashStore"], exclude: ["board.json", "toolset.json", "README.md"]),
    ]
    for app in folders("Firmware/Apps") {
        package.targets.append(.executableTarget(
            name: app, dependencies: imports("Firmware/Apps/\(app)", of: portable) + ["Board", "MCU", "Startup"], path: "Firmware/Apps/\(app)",
            swiftSettings: embeddedFeatures))
        package.products.append(.executable(name: app, targets: [app]))
    }
}
