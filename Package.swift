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
    firmware("Ed25519", settings: [.enableExperimentalFeature("Volatile")]),
    firmware("CBOR"),
    firmware("COSE", ["CBOR"]),
    firmware("CoAP", ["CBOR"]),
    firmware("Slipmux"),
    firmware("Bech32"),
    firmware("HAL"),
    firmware("FlashStore", ["HAL"]),
    firmware("Devices", ["HAL"]),
    firmware("LightNode", ["Ed25519", "Bech32", "CBOR", "COSE", "HAL", "FlashStore", "Devices"]),
    firmware("NodeServer", ["LightNode", "CoAP", "CBOR", "HAL", "Devices"]),
]

let package = Package(name: "lightnode", platforms: [.macOS(.v26)], targets: portable)

// The host: system libraries, then modules in the order of who may import whom, then tests.
if Context.environment["LIGHTNODE_BOARD"] == nil {
    func system(_ name: String, pkgConfig: String, debian: String) -> Target {
        .systemLibrary(name: name, path: "Host/\(name)", pkgConfig: pkgConfig, providers: [.apt([debian])])
    }
    func host(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
        .target(
            name: name, dependencies: dependencies, path: "Host/\(name)", swiftSettings: [.enableExperimentalFeature("Lifetimes")])
    }
    func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], resources: [Resource] = []) -> Target {
        .testTarget(
            name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: exclude, resources: resources,
            swiftSettings: [.enableExperimentalFeature("Lifetimes")])
    }
    package.dependencies += [.package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")]
    package.targets += [
        system("CSodium", pkgConfig: "libsodium", debian: "libsodium-dev"),
        system("CQREncode", pkgConfig: "libqrencode", debian: "libqrencode-dev"),
        system("CEdit", pkgConfig: "libedit", debian: "libedit-dev"),
        host("FirmwareBuild", ["CSodium"]),
        host("Emulation", ["FirmwareBuild"]),
        host("Reporting", []),
        host("Transport", ["CoAP", "Slipmux", "Reporting"]),
        host("ControlNode", ["CBOR", "COSE", "CoAP", "Bech32", "Transport", "Reporting", "CSodium"]),
        host("Provisioning", ["CBOR", "CoAP", "ControlNode", "Transport", "Reporting", "CQREncode"]),
        .executableTarget(
            name: "lightnode",
            dependencies: [
                "Reporting", "Transport", "ControlNode", "Provisioning", "Emulation", "CEdit",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Host/lightnode"),
        tests("Ed25519Tests", ["Ed25519", "CSodium"], exclude: ["tables.py", "model.py", "vectors.py"], resources: [.copy("vectors.json")]),
        tests("TransportTests", ["Transport"], exclude: ["Witness"]),
        tests("ControlNodeTests", ["ControlNode", "CSodium"], exclude: ["Witness"], resources: [.copy("Vectors")]),
        tests("ProvisioningTests", ["Provisioning"]),
        tests("CLITests", ["lightnode"]),
    ]
    package.products.append(.executable(name: "lightnode", targets: ["lightnode"]))
}

if let board = Context.environment["LIGHTNODE_BOARD"] {
    let mcu = Context.environment["LIGHTNODE_MCU"] ?? ""
    let modules: [Target.Dependency] = portable.map { .byName(name: $0.name) }
    package.targets += [
        .target(
            name: "Startup", path: "Firmware/Startup", cSettings: [.define("LIGHTNODE_BOARD_NAME", to: "\"\(board)\"")]),
        firmware("MCU", path: "Firmware/MCU/\(mcu)", ["HAL", "Startup"], settings: [.enableExperimentalFeature("Volatile")]),
        firmware("Board", path: "Boards/\(board)", ["MCU", "HAL", "Devices", "FlashStore"], exclude: ["board.json", "toolset.json", "README.md"]),
    ]
    for app in folders("Firmware/Apps") {
        package.targets.append(.executableTarget(
            name: app, dependencies: modules + ["Board", "MCU", "Startup"], path: "Firmware/Apps/\(app)",
            swiftSettings: embeddedFeatures))
        package.products.append(.executable(name: app, targets: [app]))
    }
}
