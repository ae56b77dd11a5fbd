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
        .filter { $0.hasPrefix("import ") }
    return targets.filter { lines.contains("import \($0.name)") }.map { .byName(name: $0.name) }
}

/// What a folder holds beside Swift: the facts of a test suite (docs/testing.md) or of a board.
func others(_ path: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(Context.packageDirectory)/\(path)")) ?? []
    return names.filter { !$0.hasSuffix(".swift") }.sorted()
}

let embeddedFeatures: [SwiftSetting] = [
    .enableExperimentalFeature("Lifetimes"),
    .enableExperimentalFeature("Extern"),
    .enableExperimentalFeature("SymbolLinkageMarkers"),
]

func firmware(
    _ name: String, path: String? = nil, _ dependencies: [Target.Dependency] = [], exclude: [String] = [],
    settings: [SwiftSetting] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path ?? "Firmware/\(name)", exclude: exclude,
        swiftSettings: embeddedFeatures + settings)
}

// Ed25519 uses assembly kernels on the boards unless LIGHTNODE_ED25519=swift asks for the portable build. The light node of an nRF51 fills its flash, so its
// Ed25519 has smaller tables and less code (docs/ed25519.md), unless LIGHTNODE_ED25519=large asks for what the other boards have.
let mcuName = Context.environment["LIGHTNODE_MCU"] ?? ""
let useKernel = Context.environment["LIGHTNODE_BOARD"] != nil && Context.environment["LIGHTNODE_ED25519"] != "swift"
let ed25519Settings: [SwiftSetting] =
    [.enableExperimentalFeature("Volatile")]
    + (useKernel ? [.define("ED25519_KERNEL")] : [])
    + (useKernel && mcuName != "nRF51" ? [.define("ED25519_POINT_KERNEL")] : [])
    + (mcuName == "nRF51" ? [.define("ED25519_SHORT_MULTIPLIER")] : [])
    + (mcuName == "nRF51" && Context.environment["LIGHTNODE_ED25519"] != "large" ? [.define("ED25519_SMALL")] : [])

// Lower modules never import higher ones; this list is in that order.
let codecs: [Target.Dependency] = ["CBOR", "COSE", "CoAP", "Slipmux", "Bech32"]
let portable: [Target] = [
    firmware("SplitMix"),
    firmware("Ed25519", useKernel ? ["Ed25519Kernel"] : [], settings: ed25519Settings),
    firmware("Bytes"),
    firmware("CBOR", ["Bytes"]),
    firmware("COSE", ["CBOR"]),
    firmware("CoAP", ["Bytes", "CBOR"]),
    firmware("Slipmux"),
    firmware("Bech32"),
    firmware("HAL"),
    firmware("USBDevice", ["HAL"]),
    firmware("FlashStore", ["HAL"]),
    firmware("DeviceModel", ["Bytes", "HAL"]),
    firmware("Drivers", ["DeviceModel", "HAL"]),
    firmware("Vocabulary", ["Bytes"]),
    firmware("LightNode", ["Ed25519", "Bech32", "Bytes", "Vocabulary", "CBOR", "COSE", "HAL", "FlashStore", "DeviceModel"]),
    firmware("NodeServer", ["LightNode", "Bytes", "Vocabulary", "CoAP", "CBOR", "HAL", "DeviceModel"]),
]

/// What all chips here have in common, and those of one maker.
let cortexM = firmware(
    "CortexM", path: "Firmware/MCU/CortexM", ["HAL"], settings: [.enableExperimentalFeature("Volatile")])
let stm32 = firmware("STM32", path: "Firmware/MCU/STM32", ["CortexM", "HAL"])

let package = Package(name: "lightnode", platforms: [.macOS(.v26)], targets: portable)

if let board = Context.environment["LIGHTNODE_BOARD"] {
    addFirmware(board: board, mcu: Context.environment["LIGHTNODE_MCU"] ?? "")
} else {
    addHost()
    addTests()
    Context.environment["LIGHTNODE_TESTS"].map(keepTests)
}

/// System libraries, then modules in the order of who may import whom.
@MainActor func addHost() {
    func system(_ name: String, pkgConfig: String, debian: String) -> Target {
        .systemLibrary(name: name, path: "Host/\(name)", pkgConfig: pkgConfig, providers: [.apt([debian])])
    }
    func host(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
        .target(
            name: name, dependencies: dependencies, path: "Host/\(name)", swiftSettings: [.enableExperimentalFeature("Lifetimes")]
        )
    }
    package.dependencies += [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ]
    let database = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
    package.targets += [
        system("CSodium", pkgConfig: "libsodium", debian: "libsodium-dev"),
        system("CQREncode", pkgConfig: "libqrencode", debian: "libqrencode-dev"),
        system("CLibUSB", pkgConfig: "libusb-1.0", debian: "libusb-1.0-0-dev"),
        system("CCairo", pkgConfig: "cairo", debian: "libcairo2-dev"),
        system("CPostgres", pkgConfig: "libpq", debian: "libpq-dev"),
        .target(name: "CWipingHeap", path: "Host/CWipingHeap"),
        system("CEdit", pkgConfig: "libedit", debian: "libedit-dev"),
        host("Reporting", []),
        host("HostCrypto", ["Reporting", "CSodium"]),
        host("Programs", ["Reporting"]),
        host("BoardFacts", ["Reporting"]),
        host("Image", ["BoardFacts", "Reporting", "CSodium"]),
        host("FirmwareBuild", ["Programs", "BoardFacts", "Image", "Reporting"]),
        host("VirtualUSB", ["Reporting"]),
        host("USBStrings", ["Reporting", "CLibUSB"]),
        host("Emulation", ["Slipmux", "SplitMix", "Programs", "BoardFacts", "Image", "VirtualUSB", "Reporting"]),
        host("Flashing", ["Programs", "BoardFacts", "Image", "USBStrings", "Reporting", "CLibUSB"]),
        host("CycleModel", []),
        // Loaded into QEMU by Emulation.
        .target(
            name: "QEMUProbe", dependencies: ["CycleModel"], path: "Host/QEMUProbe",
            // Called for every instruction, so always optimised.
            swiftSettings: [
                .enableExperimentalFeature("Extern"), .enableExperimentalFeature("SymbolLinkageMarkers"),
                .unsafeFlags(["-O", "-enforce-exclusivity=unchecked"]),
            ],
            linkerSettings: [
                .unsafeFlags(["-Xlinker", "--defsym=qemu_plugin_version=$s9QEMUProbe17qemuPluginVersions5Int32Vvp"])
            ]),
        host("TestRunner", ["SplitMix", "Programs", "BoardFacts", "Image", "Emulation", "FirmwareBuild", "Reporting"]),
        host("Transport", ["CoAP", "Slipmux", "USBStrings", "Reporting", "CLibUSB"]),
        host("NodeProtocol", ["CBOR", "COSE", "Bech32", "Reporting", "HostCrypto"]),
        host("Ledger", ["CBOR", "COSE", "NodeProtocol", "Reporting", "HostCrypto"]),
        host("Keystore", ["NodeProtocol", "HostCrypto", "Reporting", database]),
        host("ControlNode", ["CBOR", "CoAP", "Keystore", "NodeProtocol", "HostCrypto", "Transport", "Reporting"]),
        host("DevChain", ["Ledger", "HostCrypto", "Reporting", database]),
        host("Gateway", ["CBOR", "COSE", "CoAP", "Transport", "Reporting"]),
        host("Bridge", ["CoAP", "SplitMix", "Transport"]),
        host("Records", ["HostCrypto", "NodeProtocol", "Keystore", "Reporting", "CPostgres", database]),
        host("Labels", ["NodeProtocol", "Reporting", "CQREncode", "CCairo"]),
        host(
            "Provisioning",
            ["CoAP", "HostCrypto", "NodeProtocol", "Keystore", "ControlNode", "Records", "Labels", "Transport", "Reporting"]),
        host(
            "NodeEmulation",
            ["BoardFacts", "Image", "Emulation", "Flashing", "Transport", "Keystore", "ControlNode", "Reporting"]),
        host(
            "Benchmarks",
            [
                "BoardFacts", "CycleModel", "Image", "Emulation", "NodeEmulation", "Transport", "NodeProtocol", "Keystore",
                "ControlNode",
                "Labels",
                "Provisioning", "Reporting",
            ]),
        .executableTarget(
            name: "first-light",
            dependencies: [
                "BoardFacts", "Image", "NodeEmulation", "Emulation", "NodeProtocol", "Keystore", "ControlNode", "Provisioning",
                "Labels", "Reporting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Host/FirstLight"),
        .executableTarget(
            name: "below-fifteen", dependencies: ["ControlNode", "Transport"], path: "Host/Examples/BelowFifteen"),
        .executableTarget(
            name: "lightnode",
            dependencies: [
                "Reporting", "Transport", "HostCrypto", "NodeProtocol", "Keystore", "ControlNode", "Records", "Labels",
                "Provisioning", "Programs", "BoardFacts", "Image", "FirmwareBuild", "Emulation",
                "NodeEmulation", "Benchmarks", "TestRunner", "Gateway", "Bridge", "Flashing", "CEdit", "CWipingHeap",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Host/lightnode"),
    ]
    package.products += [
        .executable(name: "lightnode", targets: ["lightnode"]), .executable(name: "first-light", targets: ["first-light"]),
        .library(name: "QEMUProbe", type: .dynamic, targets: ["QEMUProbe"]),
    ]
}

@MainActor func addTests() {
    func support(_ name: String, path: String, _ dependencies: [Target.Dependency]) -> Target {
        .target(name: name, dependencies: dependencies, path: path, swiftSettings: embeddedFeatures)
    }
    func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], resources: [Resource] = []) -> Target
    {
        .testTarget(
            name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: exclude, resources: resources,
            swiftSettings: embeddedFeatures)
    }
    package.targets += [
        // Shared by tests; each says in its first lines what it stands in for.
        support("CodecSupport", path: "Tests/CodecSupport", ["SplitMix", "CBOR", "CoAP"]),
        support("CodecWorkout", path: "Tests/CodecWorkout", codecs + ["SplitMix"]),
        support(
            "FuzzProperties", path: "Tests/Fuzz/Properties",
            codecs + [
                "CodecSupport", "Ed25519", "DeviceModel", "FlashStore", "LightNode", "Vocabulary", "NodeServer", "SimulatedNOR",
                "TestNode",
            ]),
        support(
            "HostFuzzProperties", path: "Tests/Fuzz/HostProperties",
            [
                "FuzzProperties", "CBOR", "CoAP", "Slipmux", "Reporting", "HostCrypto", "BoardFacts", "Image", "FirmwareBuild",
                "VirtualUSB", "USBStrings", "Emulation", "Flashing", "Transport", "NodeProtocol", "Ledger", "Keystore", "Records",
                "CLibUSB",
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        cortexM,
        stm32,
        firmware("STM32F4", path: "Firmware/MCU/STM32F4", ["CortexM", "HAL", "STM32", "USBDevice"]),
        firmware("STM32L4", path: "Firmware/MCU/STM32L4", ["CortexM", "HAL", "STM32"]),
        .executableTarget(
            name: "codec-witness", dependencies: codecs + ["CodecSupport"], path: "Tests/witness/codec-witness",
            swiftSettings: embeddedFeatures),
        firmware("NRF51", path: "Firmware/MCU/nRF51", ["CortexM", "HAL"]),
        firmware("MPS2", path: "Firmware/MCU/MPS2", ["CortexM", "HAL", "USBDevice"]),
        support("RegisterModels", path: "Tests/RegisterModels", ["HAL"]),
        support("USBRig", path: "Tests/USBRig", ["USBDevice", "HAL", "MPS2", "STM32F4", "RegisterModels"]),
        support("SimulatedPins", path: "Tests/SimulatedPins", ["HAL"]),
        support(
            "TestNode", path: "Tests/TestNode",
            ["NodeServer", "HAL", "LightNode", "DeviceModel", "Drivers", "SimulatedNOR", "SimulatedPins"]),
        support(
            "HostedNode", path: "Tests/HostedNode",
            ["NodeServer", "LightNode", "CBOR", "Slipmux", "SimulatedNOR", "SimulatedPins", "TestNode", "Transport"]),
        support("SimulatedNOR", path: "Tests/SimulatedNOR", ["HAL"]),
        support("SimulatedUSB", path: "Tests/SimulatedUSB", ["VirtualUSB"]),
        .target(name: "SimulatedTerminal", path: "Tests/SimulatedTerminal"),
        .target(name: "CMemcheck", path: "Tests/CMemcheck"),
        .target(name: "WitnessPython", path: "Tests/WitnessPython"),
        .executableTarget(
            name: "ed25519-constant-time", dependencies: ["Ed25519", "CMemcheck"], path: "Tests/ConstantTime",
            swiftSettings: embeddedFeatures),

        tests(
            "Ed25519Tests", ["Ed25519", "CSodium"], exclude: ["tables.py", "model.py", "vectors.py"],
            resources: [.copy("vectors.json"), .copy("Vectors")]),
        tests("CBORTests", ["Bytes", "CBOR", "CodecSupport"]),
        tests("COSETests", ["CBOR", "COSE", "CodecSupport"]),
        tests("CoAPTests", ["CBOR", "CoAP", "CodecSupport"]),
        tests("SlipmuxTests", ["Slipmux", "CodecSupport"]),
        tests("Bech32Tests", ["Bech32", "CodecSupport"]),
        tests("FuzzReplayTests", ["FuzzProperties", "HostFuzzProperties"]),
        tests("CodecWorkoutTests", ["CodecWorkout"]),
        tests("CodecWitnessTests", ["codec-witness"]),
        tests("HALTests", ["HAL"]),
        tests("USBDeviceTests", ["USBDevice", "HAL", "USBRig"]),
        tests("FlashStoreTests", ["FlashStore", "HAL", "SimulatedNOR"]),
        tests(
            "LightNodeTests",
            [
                "LightNode", "NodeServer", "HostCrypto", "NodeProtocol", "CBOR", "COSE", "CoAP", "HAL", "Bytes", "Vocabulary",
                "DeviceModel", "Drivers", "SimulatedNOR", "SimulatedPins", "TestNode",
                "CSodium",
            ]),
        tests(
            "NodeServerTests",
            [
                "NodeServer", "LightNode", "HostCrypto", "NodeProtocol", "CBOR", "CoAP", "HAL", "Bytes", "Vocabulary",
                "SimulatedNOR", "SimulatedPins", "TestNode", "CodecSupport",
            ]),
        tests("DevicesTests", ["Bytes", "DeviceModel", "Drivers", "HAL", "SimulatedPins"]),
        tests("MCUTests", ["STM32F4", "STM32L4", "NRF51", "HAL", "FlashStore", "RegisterModels", "SimulatedPins"]),
        tests("VirtualUSBTests", ["VirtualUSB", "SimulatedUSB"]),
        tests("TransportTests", ["Transport", "WitnessPython"], exclude: ["Witness"]),
        tests(
            "ControlNodeTests",
            ["HostCrypto", "NodeProtocol", "Keystore", "ControlNode", "CSodium", "HostedNode", "WitnessPython"],
            exclude: ["Witness"], resources: [.copy("Vectors")]),
        tests(
            "GatewayTests",
            [
                "CBOR", "Gateway", "Bridge", "HostCrypto", "NodeProtocol", "Keystore", "ControlNode", "Transport", "HostedNode",
                "CoAP", "CodecSupport",
            ],
            exclude: ["Witness"]),
        .target(name: "PostgresServer", path: "Tests/PostgresServer"),
        tests("RecordsTests", ["Records", "HostCrypto", "NodeProtocol", "PostgresServer", "Reporting"], exclude: ["Witness"]),
        tests(
            "LedgerTests",
            [
                "Ledger", "HostCrypto", "NodeProtocol", "Reporting", "CBOR", "CoAP", "LightNode", "NodeServer", "SimulatedNOR",
                "TestNode", "SplitMix",
            ]),
        tests("DevChainTests", ["DevChain", "Ledger", "HostCrypto", "Reporting"]),
        tests("LabelsTests", ["Labels", "HostCrypto", "NodeProtocol"]),
        tests(
            "ProvisioningTests",
            [
                "Provisioning", "HostCrypto", "NodeProtocol", "Keystore", "ControlNode", "Records", "Labels", "HostedNode",
                "SimulatedNOR", "PostgresServer",
            ]),
        tests(
            "CLITests",
            [
                "lightnode", "CoAP", "Emulation", "BoardFacts", "Flashing", "NodeProtocol", "HostCrypto", "Transport",
                "Reporting",
                "HostedNode", "SimulatedNOR", "SimulatedTerminal",
            ], exclude: ["KillPoint.c"]),
        tests("ReportingTests", ["Reporting"]),
        tests(
            "KeystoreTests",
            ["Keystore", "NodeProtocol", "HostCrypto", "Reporting", .product(name: "GRDB", package: "GRDB.swift")]),
        tests(
            "FirmwareBuildTests",
            ["Programs", "BoardFacts", "Image", "FirmwareBuild", "Reporting", "DeviceModel", "Drivers", "HAL", "SimulatedPins"]),
        tests("BoardDeviceTests", ["BoardFacts", "Image", "Emulation", "FirmwareBuild"]),
        tests("CycleModelTests", ["CycleModel"]),
        tests("EmulationTests", ["BoardFacts", "Image", "Emulation", "VirtualUSB", "Reporting"]),
        tests(
            "EndToEndTests",
            [
                "CBOR", "CoAP", "BoardFacts", "Image", "NodeEmulation", "Emulation", "FirmwareBuild", "HostCrypto",
                "NodeProtocol", "Keystore",
                "ControlNode", "Provisioning", "Transport",
                "Gateway", "Bridge", "lightnode", "first-light", "below-fifteen", "HostedNode", "SimulatedNOR",
                "SimulatedUSB", "SimulatedTerminal", "BootloaderModel", "Flashing", "VirtualUSB", "Reporting", "SplitMix",
            ]),
        .executableTarget(
            name: "dfu-bench", dependencies: ["BootloaderModel", "Flashing", "BoardFacts", "Image", "VirtualUSB"],
            path: "Tests/BootloaderBench"),
        .executableTarget(name: "chain-bench", dependencies: ["DevChain", "Ledger", "HostCrypto"], path: "Tests/ChainBench"),
        support("BootloaderModel", path: "Tests/BootloaderModel", ["VirtualUSB"]),
        tests(
            "FlashingTests",
            [
                "Flashing", "NodeEmulation", "BootloaderModel", "SimulatedTerminal", "VirtualUSB", "Emulation", "BoardFacts",
                "Image",
                "USBStrings", "Reporting",
            ],
            exclude: ["Chip"]),
        tests(
            "TestRunnerTests",
            ["TestRunner", "Programs", "BoardFacts", "Image", "Emulation", "FirmwareBuild", "Reporting", "lightnode"]),
    ]
}

/// `LIGHTNODE_TESTS="CBORTests COSETests" swift test …` builds these suites and what they stand on, nothing else.
@MainActor func keepTests(_ names: String) {
    func name(_ dependency: Target.Dependency) -> String? {
        switch dependency {
        case .byNameItem(let name, _), .targetItem(let name, _): name
        default: nil
        }
    }
    var wanted = Set<String>()
    var open = names.split(separator: " ").map(String.init)
    while let next = open.popLast() {
        guard wanted.insert(next).inserted, let target = package.targets.first(where: { $0.name == next }) else { continue }
        open += target.dependencies.compactMap(name)
        // Loaded, not linked.
        if next == "Emulation" { open.append("QEMUProbe") }
    }
    package.targets.removeAll { !wanted.contains($0.name) }
    package.products.removeAll { !wanted.contains($0.name) }
    let usesProducts = package.targets.contains { $0.dependencies.contains { name($0) == nil } }
    if !usesProducts { package.dependencies = [] }
}

@MainActor func addFirmware(board: String, mcu: String) {
    let volatile: [SwiftSetting] = [.enableExperimentalFeature("Volatile")]
    // As above: lower modules come first.
    let lowest: [Target] = [
        .target(
            name: "Startup", path: "Firmware/Startup",
            cSettings: [
                .define("LIGHTNODE_BOARD_NAME", to: "\"\(board)\""), .define("LIGHTNODE_MCU_NAME", to: "\"\(mcu)\""),
            ]),
        .target(name: "InstructionCounter", path: "Firmware/InstructionCounter"),
        .target(name: "Ed25519Kernel", path: "Firmware/Ed25519Kernel"),
    ]
    let family = [cortexM] + (mcu.hasPrefix("STM32") ? [stm32] : [])
    let common = family.map { Target.Dependency.byName(name: $0.name) }
    package.targets =
        lowest + portable + family + [
            firmware("MCU", path: "Firmware/MCU/\(mcu)", common + ["HAL", "USBDevice", "Startup"]),
            firmware(
                "Board", path: "Boards/\(board)", ["MCU", "HAL", "Bytes", "DeviceModel", "Drivers", "Startup"],
                exclude: others("Boards/\(board)")),
            // Its functions ask the compiler about what calls them, so that within themselves there is no answer (docs/embedded-swift.md).
            firmware(
                "Devices", ["Board", "Bytes", "DeviceModel"],
                settings: [
                    .enableExperimentalFeature("BuiltinModule"),
                    .unsafeFlags(["-Xllvm", "-sil-disable-pass=dataflow-diagnostics"]),
                ]),
            firmware(
                "NodeRuntime",
                [
                    "NodeServer", "LightNode", "Vocabulary", "Slipmux", "CoAP", "Bytes", "DeviceModel", "FlashStore", "HAL",
                    "Board", "MCU", "Startup",
                ]),
            firmware("CodecWorkout", path: "Tests/CodecWorkout", codecs + ["SplitMix"]),
            firmware("FirmwareTesting", ["Startup", "MCU"], settings: volatile + [.define("MCU_\(mcu)")]),
        ]
    let images =
        folders("Firmware/Apps").map { ($0, "Firmware/Apps/\($0)") }
        + folders("Tests/OnTarget").map { ($0, "Tests/OnTarget/\($0)") }
    for (app, path) in images {
        package.targets.append(
            .executableTarget(
                name: app, dependencies: imports(path, of: package.targets), path: path, exclude: others(path),
                swiftSettings: embeddedFeatures))
        package.products.append(.executable(name: app, targets: [app]))
    }
}
