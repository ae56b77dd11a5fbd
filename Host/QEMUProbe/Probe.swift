// A plugin for QEMU's code generator: counts executed instructions and holds the processor at a count that the host asks for.
//
// QEMU documentation, "QEMU TCG Plugins". Loaded into QEMU, not into our programs; it therefore uses nothing but the C library. The
// host listens on the Unix socket that the argument `socket=PATH` names, and sends targets as 8 bytes in the machine's order; when
// as many instructions have been executed, the processor stands still, the count goes back, and the next target is awaited. Each further
// argument `watch=FIRST:END` (hexadecimal) names addresses: a store to one of them makes the processor stand still after it, too, and the top bit
// of the count that goes back tells so.
#if canImport(Glibc)
import Glibc
#endif

// Interface versions: 1 up to QEMU 8.2, 2 from 9.0. QEMU reads this after the library's initialisers have run, under the name
// qemu_plugin_version that Package.swift gives it (Swift exports functions by C names, not variables).
public nonisolated(unsafe) var qemuPluginVersion: Int32 = 1

@section(".init_array") @used
private let initialiser: @convention(c) () -> Void = { chooseVersion() }

private func chooseVersion() {
    if let text = getenv("LIGHTNODE_QEMU_PLUGIN_VERSION") { qemuPluginVersion = atoi(text) }
}

@_extern(c, "qemu_plugin_register_vcpu_tb_trans_cb")
private func registerTranslation(_ id: UInt64, _ callback: @convention(c) (UInt64, OpaquePointer) -> Void)
@_extern(c, "qemu_plugin_tb_n_insns")
private func instructionCount(_ block: OpaquePointer) -> Int
@_extern(c, "qemu_plugin_tb_get_insn")
private func instruction(_ block: OpaquePointer, _ index: Int) -> OpaquePointer
@_extern(c, "qemu_plugin_register_vcpu_insn_exec_cb")
private func registerExecution(
    _ instruction: OpaquePointer, _ callback: @convention(c) (UInt32, UnsafeMutableRawPointer?) -> Void, _ flags: Int32,
    _ data: UnsafeMutableRawPointer?)

@_extern(c, "qemu_plugin_register_vcpu_mem_cb")
private func registerAccess(
    _ instruction: OpaquePointer, _ callback: @convention(c) (UInt32, UInt32, UInt64, UnsafeMutableRawPointer?) -> Void,
    _ flags: Int32, _ kind: Int32, _ data: UnsafeMutableRawPointer?)
/// QEMU_PLUGIN_MEM_W
private let stores: Int32 = 2

// The one processor's thread alone uses these after the start.
private nonisolated(unsafe) var watched: [Range<UInt64>] = []
private nonisolated(unsafe) var hasStored = false
private nonisolated(unsafe) var executed: UInt64 = 0
private nonisolated(unsafe) var target: UInt64 = 0
private nonisolated(unsafe) var channel: Int32 = -1

@c(qemu_plugin_install)
public func install(_ id: UInt64, _ information: OpaquePointer, _ count: Int32, _ arguments: UnsafePointer<UnsafePointer<CChar>>)
    -> Int32
{
    guard count >= 1, strncmp(arguments[0], "socket=", 7) == 0 else { return -1 }
    for index in 1..<max(1, Int(count)) {
        guard strncmp(arguments[index], "watch=", 6) == 0, let range = addresses(arguments[index] + 6) else { return -1 }
        watched.append(range)
    }
    channel = connectTo(arguments[0] + 7)
    guard channel >= 0 else { return -1 }
    registerTranslation(id) { _, block in
        for index in 0..<instructionCount(block) {
            registerExecution(instruction(block, index), { _, _ in count1() }, 0, nil)
            if !watched.isEmpty {
                registerAccess(instruction(block, index), { _, _, address, _ in look(at: address) }, 0, stores, nil)
            }
        }
    }
    return 0
}

private func addresses(_ text: UnsafePointer<CChar>) -> Range<UInt64>? {
    var rest: UnsafeMutablePointer<CChar>?
    let first = strtoull(text, &rest, 16)
    guard let colon = rest, colon.pointee == 58 else { return nil }
    let end = strtoull(colon + 1, &rest, 16)
    return first < end ? first..<end : nil
}

/// The instruction that has just stored there is counted already: the next one finds the target reached.
private func look(at address: UInt64) {
    for range in watched where range.contains(address) { (target, hasStored) = (executed, true) }
}

@inline(__always) private func count1() {
    while executed == target { hold() }
    executed &+= 1
}

private func hold() {
    // Nobody has asked yet, or all is executed that was asked for.
    var report = executed | (hasStored ? 1 << 63 : 0)
    hasStored = false
    let sent = withUnsafeBytes(of: &report) { write(channel, $0.baseAddress, 8) }
    let received = withUnsafeMutableBytes(of: &target) { read(channel, $0.baseAddress, 8) }
    // The host is gone: run on, to the end that it will have arranged.
    if sent != 8 || received != 8 { target = .max }
}

private func connectTo(_ path: UnsafePointer<CChar>) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    guard strlen(path) < MemoryLayout.size(ofValue: address.sun_path) else { return -1 }
    withUnsafeMutableBytes(of: &address.sun_path) { _ = strcpy($0.baseAddress!, path) }
    let handle = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(handle, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    return result == 0 ? handle : -1
}
