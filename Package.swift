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

// Ed25519 uses assembly kernels on the boards unless LIGHTNODE_ED25519=swift asks for the portable build.
let mcuName = Context.environment["LIGHTNODE_MCU"] ?? ""
let useKernel = Context.environment["LIGHTNODE_BOARD"] != nil && Context.environment["LIGHTNODE_ED25519"] != "swift"
let ed25519Settings: [SwiftSetting] =
    [.enableExperimentalFeature("Volatile")]
    + (useKernel ? [.define("ED25519_KERNEL")] : [])
    + (mcuName == "nRF51" ? [.define("ED25519_SHORT_MULTIPLIER")] : [])

// Lower modules never import higher ones; this list is in that order.
let portable: [Target] = [
    firmware("Ed25519", useKernel ? ["Ed25519Kernel"] : [], settings: ed25519Settings),
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
}

if let board = Context.environment["LIGHTNODE_BOARD"] {
    let mcu = Context.environment["LIGHTNODE_MCU"] ?? ""
    let modules: [Target.Dependency] = portable.map { .byName(name: $0.name) }
    package.targets += [
        .target(name: "Startup", path: "Firmware/Startup"),
        .target(name: "Ed25519Kernel", path: "Firmware/Ed25519Kernel"),
        .target(name: "InstructionCounter", path: "Firmware/InstructionCounter"),
        firmware("MCU", path: "Firmware/MCU/\(mcu)", ["HAL", "Startup"], settings: [.enableExperimentalFeature("Volatile")]),
        firmware("Board", path: "Boards/\(board)", ["MCU", "HAL", "Devices", "FlashStore"], exclude: ["board.json", "toolset.json", "README.md"]),
    ]
    for app in folders("Firmware/Apps") {
        // The images that measure and test Ed25519 alone need neither a board nor the modules above it.
        let needs: [Target.Dependency] = app.contains("ed25519") ? ["Ed25519", "Startup", "InstructionCounter"] : modules + ["Board", "MCU", "Startup"]
        package.targets.append(.executableTarget(
            name: app, dependencies: needs, path: "Firmware/Apps/\(app)", swiftSettings: embeddedFeatures))
        package.products.append(.executable(name: app, targets: [app]))
    }
}
