// The flash that QEMU keeps in memory of its own becomes a file: what firmware stores is in it at once, whatever ends QEMU afterwards.
//
// QEMU names no way to give the nRF51's flash a file, but tells a plugin where in its memory an instruction is that it translates. From there
// the flash is known, and the file is mapped in its place, before the processor has executed anything. Arguments beside those of Probe.swift:
//   flash=PATH   the file; it must have exactly what the flash has
//   at=ADDRESS   where the flash begins (hexadecimal)
//   told=PATH    a byte is written there when the file is the flash
#if canImport(Glibc)
import Glibc
#endif

@_extern(c, "qemu_plugin_insn_haddr")
private func hostAddress(_ instruction: OpaquePointer) -> UnsafeMutableRawPointer?

/// What `flash=`, `at=` and `told=` name. The one processor's thread alone uses these after the start.
nonisolated(unsafe) var flash: (file: UnsafeMutablePointer<CChar>?, start: UInt64, told: UnsafeMutablePointer<CChar>?) = (
    nil, 0, nil
)

/// Puts the file in the place of the flash, if `instruction` is in it.
///
/// Ends QEMU when that cannot be: nobody is to believe that the flash is kept.
/// - Returns: false when there is nothing to do, now and later.
func keepFlash(in instruction: OpaquePointer, at address: UInt64) -> Bool {
    guard let path = flash.file else { return false }
    let file = open(path, O_RDWR | O_CLOEXEC)
    var status = stat()
    guard file >= 0, fstat(file, &status) == 0, status.st_size > 0 else { giveUp("cannot be opened") }
    defer { close(file) }
    let size = Int(status.st_size)
    guard address >= flash.start, address &- flash.start < UInt64(size) else { return true }
    guard let place = hostAddress(instruction) else { giveUp("is not in the emulator's memory") }
    let memory = place - Int(address &- flash.start)
    guard Int(bitPattern: memory) % sysconf(Int32(_SC_PAGESIZE)) == 0 else { giveUp("does not begin with a page of memory") }
    guard let kept = mmap(nil, size, PROT_READ, MAP_SHARED, file, 0), kept != MAP_FAILED else { giveUp("cannot be mapped") }
    guard memcmp(kept, memory, size) == 0 else {
        giveUp("is not what the flash is: something wrote to it before the processor ran")
    }
    munmap(kept, size)
    guard mmap(memory, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == memory else {
        giveUp("cannot be mapped in the flash's place")
    }
    flash.file = nil
    tell()
    return false
}

private func tell() {
    guard let told = flash.told else { return }
    let handle = open(told, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
    guard handle >= 0, write(handle, "+", 1) == 1 else { giveUp("is the flash, but nobody can be told") }
    close(handle)
}

private func giveUp(_ why: StaticString) -> Never {
    let reason = errno
    withVaList([flash.file ?? strdup("?"), why.utf8Start, strerror(reason)]) {
        _ = vdprintf(2, "the flash file %s %s (%s)\n", $0)
    }
    _exit(1)
}
