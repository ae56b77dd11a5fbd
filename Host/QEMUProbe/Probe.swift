// A plugin for QEMU's code generator: holds the processor at a count of executed instructions, counts what is stored to flash, and keeps flash
// in a file (KeptFlash.swift).
//
// QEMU documentation, "QEMU TCG Plugins". Loaded into QEMU, not into our programs; it therefore uses nothing but the C library. Its
// arguments, all optional:
//   socket=PATH  the host listens there and sends targets as 8 bytes in the machine's order; when as many instructions have been
//                executed, the processor stands still, the count goes back, and the next target is awaited
//   from=ADDRESS counting begins when this instruction is executed for the first time (hexadecimal), not at power on
//   watch=FIRST:END  a store to one of these addresses makes the processor stand still after it, too, and the top bit of the count that
//                goes back tells so; may be given several times
//   counts=PATH  at QEMU's end the flash writes are written there, as "WORDS PAGES"; they are
//   store=FIRST-END-PAGE  stores into this range of addresses
//   erase=ADDRESS  stores to this register, which erase a page each; without it, a page that is stored in order from its start to its
//                  end was erased
//   cycles=PATH  at QEMU's end the readings are written there, one to a line: "INSTRUCTIONS CYCLES OVERLAPPED MULTIPLICATIONS" (Host/CycleModel)
//   core=NAME    of the processor that the model is for, "cortex-m4"
//   mark=ADDRESS a reading is taken whenever this instruction is executed
import CycleModel

#if canImport(Glibc)
import Glibc
#endif

/// Interface versions: 1 up to QEMU 8.2, 2 from 9.0. QEMU reads this after the library's initialisers have run, under the name
/// qemu_plugin_version that Package.swift gives it (Swift exports functions by C names, not variables).
public nonisolated(unsafe) var qemuPluginVersion: Int32 = 1

@section(".init_array") @used
private let initialiser: @convention(c) () -> Void = { chooseVersion() }

private func chooseVersion() {
    // A function that version 2 brought, in the program that loads us.
    if dlsym(nil, "qemu_plugin_scoreboard_new") != nil { qemuPluginVersion = 2 }
}

private typealias Data = UnsafeMutableRawPointer?
@_extern(c, "qemu_plugin_register_vcpu_tb_trans_cb")
private func registerTranslation(_ id: UInt64, _ callback: (@convention(c) (UInt64, OpaquePointer) -> Void)?)
@_extern(c, "qemu_plugin_tb_n_insns")
private func instructionCount(_ block: OpaquePointer) -> Int
@_extern(c, "qemu_plugin_tb_get_insn")
private func instruction(_ block: OpaquePointer, _ index: Int) -> OpaquePointer
@_extern(c, "qemu_plugin_insn_vaddr")
private func address(_ instruction: OpaquePointer) -> UInt64
@_extern(c, "qemu_plugin_insn_size")
private func size(_ instruction: OpaquePointer) -> Int
@_extern(c, "qemu_plugin_register_vcpu_insn_exec_cb")
private func registerExecution(
    _ instruction: OpaquePointer, _ callback: @convention(c) (UInt32, Data) -> Void, _ flags: Int32, _ data: Data)
@_extern(c, "qemu_plugin_register_vcpu_mem_cb")
private func registerAccess(
    _ instruction: OpaquePointer, _ callback: @convention(c) (UInt32, UInt32, UInt64, Data) -> Void, _ flags: Int32,
    _ kind: Int32, _ data: Data)
@_extern(c, "qemu_plugin_mem_is_store")
private func isStore(_ access: UInt32) -> Bool
@_extern(c, "qemu_plugin_register_atexit_cb")
private func registerEnd(_ id: UInt64, _ callback: @convention(c) (UInt64, Data) -> Void, _ data: Data)
private let stores: Int32 = 2  // QEMU_PLUGIN_MEM_W

// The one processor's thread alone uses these after the start.
private nonisolated(unsafe) var watched: [Range<UInt64>] = []
private nonisolated(unsafe) var hasStored = false
private nonisolated(unsafe) var executed: UInt64 = 0
private nonisolated(unsafe) var target: UInt64 = 0
private nonisolated(unsafe) var channel: Int32 = -1
private nonisolated(unsafe) var from: UInt64?
private nonisolated(unsafe) var hasBegun = true

private nonisolated(unsafe) var cyclesFile: UnsafeMutablePointer<FILE>?
private nonisolated(unsafe) var timedCore = TimedCore.cortexM0
private nonisolated(unsafe) var mark: UInt64?
private nonisolated(unsafe) var cycleCount = CycleCount()
private nonisolated(unsafe) var copiesData = false

private nonisolated(unsafe) var countsFile: UnsafeMutablePointer<CChar>?
private nonisolated(unsafe) var store: (first: UInt64, end: UInt64, page: UInt64) = (0, 0, 0)
private nonisolated(unsafe) var eraseRegister: UInt64?
private nonisolated(unsafe) var words = 0
private nonisolated(unsafe) var pages = 0
/// The words stored one behind the other up to now, from the start of a page.
private nonisolated(unsafe) var run: (next: UInt64, count: UInt64) = (0, 0)

/// QEMU calls this once, before the machine starts: takes the arguments and registers what they ask for.
///
/// With `socket=` it connects, and the processor waits for the first target before its first instruction.
/// - Parameters:
///   - id: names this plugin in calls of QEMU.
///   - information: qemu_plugin_info_t; its third word is QEMU's version of the interface.
///   - arguments: `count` texts "name=value", valid during the call.
/// - Returns: 0; -1 makes QEMU end, when an argument is unknown or malformed or the socket takes no connection.
@c(qemu_plugin_install)
public func install(
    _ id: UInt64, _ information: UnsafeRawPointer, _ count: Int32, _ arguments: UnsafePointer<UnsafePointer<CChar>>
)
    -> Int32
{
    for index in 0..<Int(count) where !take(arguments[index]) { return -1 }
    if cyclesFile != nil { prepareCycles(id, interface: information.load(fromByteOffset: 12, as: Int32.self)) }
    if channel >= 0 || countsFile != nil || cyclesFile != nil || flash.file != nil {
        // Of several callbacks QEMU keeps the last.
        registerTranslation(id) { id, block in
            let first = instruction(block, 0)
            let isKeeping = keepFlash(in: first, at: address(first))
            if cyclesFile != nil { countCycles(of: block) }
            if channel >= 0 || countsFile != nil {
                instrument(block)
            } else if !isKeeping, cyclesFile == nil {
                registerTranslation(id, nil)
            }
        }
    }
    if countsFile != nil { registerEnd(id, { _, _ in writeCounts() }, nil) }
    return 0
}

private func instrument(_ block: OpaquePointer) {
    for index in 0..<instructionCount(block) {
        let instruction = instruction(block, index)
        if channel >= 0 {
            if !hasBegun, address(instruction) == from { registerExecution(instruction, { _, _ in begin() }, 0, nil) }
            registerExecution(instruction, { _, _ in count1() }, 0, nil)
            if !watched.isEmpty { onStore(instruction) { _, access, address, _ in if isStore(access) { look(at: address) } } }
        }
        if countsFile != nil { onStore(instruction) { _, access, address, _ in if isStore(access) { note(address) } } }
    }
}

/// QEMU 7.2 also reports loads from flash: `callback` must look.
private func onStore(_ instruction: OpaquePointer, _ callback: @convention(c) (UInt32, UInt32, UInt64, Data) -> Void) {
    registerAccess(instruction, callback, 0, stores, nil)
}

private func addresses(_ text: UnsafePointer<CChar>) -> Range<UInt64>? {
    var rest: UnsafeMutablePointer<CChar>?
    let first = strtoull(text, &rest, 16)
    guard let colon = rest, colon.pointee == 58 else { return nil }
    let end = strtoull(colon + 1, &rest, 16)
    return first < end ? first..<end : nil
}

/// One argument; false when it is none of ours.
private func take(_ text: UnsafePointer<CChar>) -> Bool {
    func value(_ name: StaticString) -> UnsafePointer<CChar>? {
        let length = name.utf8CodeUnitCount
        return strncmp(text, UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self), length) == 0
            ? text + length : nil
    }
    if let path = value("socket=") {
        channel = connectTo(path)
        return channel >= 0
    }
    if let range = value("watch=") {
        guard let range = addresses(range) else { return false }
        watched.append(range)
    } else if let path = value("flash=") {
        flash.file = strdup(path)
    } else if let number = value("at=") {
        flash.start = UInt64(strtoull(number, nil, 16))
    } else if let path = value("told=") {
        flash.told = strdup(path)
    } else if let path = value("counts=") {
        countsFile = strdup(path)
    } else if let path = value("cycles=") {
        cyclesFile = fopen(path, "w")
        return cyclesFile != nil
    } else if let name = value("core=") {
        guard let core = TimedCore(name: String(cString: name)) else { return false }
        timedCore = core
    } else if let number = value("mark=") {
        mark = UInt64(strtoull(number, nil, 16))
    } else if let number = value("from=") {
        (from, hasBegun, target) = (UInt64(strtoull(number, nil, 16)), false, .max)
    } else if let number = value("erase=") {
        eraseRegister = UInt64(strtoull(number, nil, 16))
    } else if let range = value("store=") {
        var rest: UnsafeMutablePointer<CChar>?
        store.first = UInt64(strtoull(range, &rest, 16))
        store.end = UInt64(strtoull(rest! + 1, &rest, 16))
        store.page = UInt64(strtoull(rest! + 1, nil, 16))
    } else {
        return false
    }
    return true
}

// MARK: Instructions

/// The instruction that has just stored there is counted already: the next one finds the target reached.
private func look(at address: UInt64) {
    for range in watched where range.contains(address) { (target, hasStored) = (executed, true) }
}

private func begin() {
    guard !hasBegun else { return }
    (hasBegun, executed, target) = (true, 0, 0)
}

@inline(__always) private func count1() {
    while executed == target { hold() }
    executed &+= 1
}

private func hold() {
    // No target has come yet, or all is executed that was asked for.
    var report = executed | (hasStored ? 1 << 63 : 0)
    hasStored = false
    let sent = withUnsafeBytes(of: &report) { write(channel, $0.baseAddress, 8) }
    let received = withUnsafeMutableBytes(of: &target) { read(channel, $0.baseAddress, 8) }
    // The host is gone: run on, to the end that it will have arranged.
    if sent != 8 || received != 8 { target = .max }
}

// MARK: Cycles

private func prepareCycles(_ id: UInt64, interface: Int32) {
    copiesData = interface >= 3
    registerEnd(id, { _, _ in if let cyclesFile { fclose(cyclesFile) } }, nil)
}

private func countCycles(of block: OpaquePointer) {
    for index in 0..<instructionCount(block) {
        let instruction = instruction(block, index)
        let at = address(instruction)
        if at == mark { registerExecution(instruction, { _, _ in read() }, 0, nil) }
        let cost = cost(of: instruction, at: UInt32(truncatingIfNeeded: at))
        registerExecution(
            instruction, { _, data in cycleCount.execute(InstructionCost(packed: UInt64(UInt(bitPattern: data)))) }, 0,
            UnsafeMutableRawPointer(bitPattern: UInt(cost.packed)))
    }
}

/// qemu_plugin_insn_data, which gives the address of the code, and from version 3 of the interface (QEMU 9.1) on copies it.
private typealias GiveCode = @convention(c) (OpaquePointer) -> UnsafeRawPointer
private typealias CopyCode = @convention(c) (OpaquePointer, UnsafeMutableRawPointer, Int) -> Int

private func cost(of instruction: OpaquePointer, at address: UInt32) -> InstructionCost {
    var code: (UInt16, UInt16) = (0, 0)
    let count = min(size(instruction), 4)
    guard let function = dlsym(nil, "qemu_plugin_insn_data") else { return timedCore.cost(0, 0, at: address) }
    withUnsafeMutableBytes(of: &code) { code in
        if copiesData {
            _ = unsafeBitCast(function, to: CopyCode.self)(instruction, code.baseAddress!, count)
        } else {
            memcpy(code.baseAddress!, unsafeBitCast(function, to: GiveCode.self)(instruction), count)
        }
    }
    return timedCore.cost(code.0, code.1, at: address)
}

private func read() {
    guard let cyclesFile else { return }
    let numbers = [cycleCount.instructions, cycleCount.cycles, cycleCount.overlapped, cycleCount.multiplications]
    withVaList(numbers) { _ = vfprintf(cyclesFile, "%llu %llu %llu %llu\n", $0) }
}

// MARK: Flash writes

@inline(__always) private func note(_ address: UInt64) {
    if address == eraseRegister { return pages &+= 1 }
    guard address >= store.first, address < store.end else { return }
    words &+= 1
    if eraseRegister != nil { return }
    let offset = (address &- store.first) % store.page
    run.count = offset == 0 ? 1 : address == run.next ? run.count &+ 1 : 0
    run.next = address &+ 4
    guard run.count &* 4 == store.page else { return }
    pages &+= 1
    words &-= Int(run.count)
    run.count = 0
}

private func writeCounts() {
    guard let countsFile, let file = fopen(countsFile, "w") else { return }
    withVaList([words, pages]) { _ = vfprintf(file, "%ld %ld\n", $0) }
    fclose(file)
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
