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
    firmware("Ed25519"),
    firmware("CBOR"),
    firmware("COSE", ["CBOR"]),
    firmware("CoAP"),
    firmware("HAL"),
    firmware("FlashStore", ["HAL"]),
    firmware("Devices", ["HAL"]),
    firmware("LightNode", ["Ed25519", "CBOR", "COSE", "HAL", "FlashStore", "Devices"]),
]

let package = Package(name: "lightnode", platforms: [.macOS(.v26)], targets: portable)

if let board = Context.environment["LIGHTNODE_BOARD"] {
    let mcu = Context.environment["LIGHTNODE_MCU"] ?? ""
    let modules: [Target.Dependency] = portable.map { .byName(name: $0.name) }
    package.targets += [
        .target(name: "Startup", path: "Firmware/Startup"),
        firmware("MCU", path: "Firmware/MCU/\(mcu)", ["HAL", "Devices", "Startup"], settings: [.enableExperimentalFeature("Volatile")]),
        firmware("Board", path: "Boards/\(board)", ["MCU", "HAL", "Devices", "FlashStore"], exclude: ["board.json", "toolset.json", "README.md"]),
    ]
    for app in folders("Firmware/Apps") {
        package.targets.append(.executableTarget(
            name: app, dependencies: modules + ["Board", "MCU", "Startup"], path: "Firmware/Apps/\(app)",
            swiftSettings: embeddedFeatures))
        package.products.append(.executable(name: app, targets: [app]))
    }
} else {
    package.targets += [
        // Test support: simulated pins and buses that record what happens to them.
        .target(name: "SimulatedPins", dependencies: ["HAL"], path: "Tests/SimulatedPins"),
        .testTarget(name: "HALTests", dependencies: ["HAL"], path: "Tests/HALTests"),
        .testTarget(name: "DevicesTests", dependencies: ["Devices", "HAL", "SimulatedPins"], path: "Tests/DevicesTests"),
    ]
}
