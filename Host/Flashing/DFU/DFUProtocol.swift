// The words of DFU: requests, states, status codes and the functional descriptor (USB Device Firmware Upgrade Specification 1.1).
import Foundation

/// bRequest of the class requests (DFU 1.1, table 3.2).
enum DFURequest: UInt8 {
    case detach
    case download
    case upload
    case getStatus
    case clearStatus
    case getState
    case abort
}

/// bState (DFU 1.1, 6.1.2).
public enum DFUState: UInt8, Sendable, CustomStringConvertible {
    /// The application runs.
    case appIdle
    /// The application has taken DFU_DETACH and waits for a USB reset.
    case appDetach
    /// In DFU mode, ready for a request.
    case idle
    /// Has received a block and waits for DFU_GETSTATUS.
    case downloadSync
    /// Is programming a block; may not be asked before the poll time is over.
    case downloadBusy
    /// In the middle of a download, ready for the next block.
    case downloadIdle
    /// Has received the last block, or has made the firmware ready, and waits for DFU_GETSTATUS.
    case manifestSync
    /// Is making the new firmware ready.
    case manifest
    /// Is done with it and waits for a USB reset.
    case manifestWaitReset
    /// In the middle of an upload, ready for the next request.
    case uploadIdle
    /// A request has failed; it stays so until DFU_CLRSTATUS.
    case error

    public var description: String {
        switch self {
        case .appIdle: "appIDLE"
        case .appDetach: "appDETACH"
        case .idle: "dfuIDLE"
        case .downloadSync: "dfuDNLOAD-SYNC"
        case .downloadBusy: "dfuDNBUSY"
        case .downloadIdle: "dfuDNLOAD-IDLE"
        case .manifestSync: "dfuMANIFEST-SYNC"
        case .manifest: "dfuMANIFEST"
        case .manifestWaitReset: "dfuMANIFEST-WAIT-RESET"
        case .uploadIdle: "dfuUPLOAD-IDLE"
        case .error: "dfuERROR"
        }
    }
}

/// bStatus (DFU 1.1, 6.1.2): why a device is in dfuERROR.
public enum DFUStatusCode: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    /// No error.
    case ok = 0
    /// Codes 1 to 10.
    case errTARGET, errFILE, errWRITE, errERASE, errCHECK_ERASED, errPROG, errVERIFY, errADDRESS, errNOTDONE, errFIRMWARE
    /// Codes 11 to 15.
    case errVENDOR, errUSBR, errPOR, errUNKNOWN, errSTALLEDPKT

    public var description: String {
        switch self {
        case .ok: "OK"
        case .errTARGET: "errTARGET: this address or image is not for the device"
        case .errFILE: "errFILE: the device does not take this image"
        case .errWRITE: "errWRITE: it cannot write its memory"
        case .errERASE: "errERASE: erasing failed"
        case .errCHECK_ERASED: "errCHECK_ERASED: memory is not blank after erasing"
        case .errPROG: "errPROG: programming failed"
        case .errVERIFY: "errVERIFY: what was programmed reads differently"
        case .errADDRESS: "errADDRESS: the address is out of range"
        case .errNOTDONE: "errNOTDONE: the download ended too early"
        case .errFIRMWARE: "errFIRMWARE: its firmware is damaged"
        case .errVENDOR: "errVENDOR: refused by its maker's rules, such as read protection"
        case .errUSBR: "errUSBR: an unexpected USB reset"
        case .errPOR: "errPOR: an unexpected power-on reset"
        case .errUNKNOWN: "errUNKNOWN: something went wrong, it does not know what"
        case .errSTALLEDPKT: "errSTALLEDPKT: it stalled an unexpected request"
        }
    }
}

/// The six bytes of DFU_GETSTATUS.
public struct DFUStatus: Equatable, Sendable {
    /// What went wrong with the last request; `ok` unless `state` is `error`.
    public var code: DFUStatusCode
    /// Milliseconds to wait before the next DFU_GETSTATUS.
    public var pollTimeout: Int
    /// The state that the device enters once it has sent this answer.
    public var state: DFUState

    /// - Parameter pollTimeout: milliseconds; the answer has room for 24 bits of them.
    public init(code: DFUStatusCode, pollTimeout: Int, state: DFUState) {
        (self.code, self.pollTimeout, self.state) = (code, pollTimeout, state)
    }

    /// Nil for anything but six bytes with a known state. Unknown codes count as errUNKNOWN.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == 6, let state = DFUState(rawValue: bytes[4]) else { return nil }
        code = DFUStatusCode(rawValue: bytes[0]) ?? .errUNKNOWN
        pollTimeout = Int(bytes[1]) | Int(bytes[2]) << 8 | Int(bytes[3]) << 16
        self.state = state
    }

    var bytes: [UInt8] {
        let poll = (0..<3).map { UInt8(truncatingIfNeeded: pollTimeout >> (8 * $0)) }
        return [code.rawValue] + poll + [state.rawValue, 0]
    }
}

/// The DFU functional descriptor (DFU 1.1, table 4.2).
public struct DFUFunctional: Equatable, Sendable {
    /// Bits 0 to 3: can download, can upload, tolerates manifestation, leaves by itself after DFU_DETACH.
    public var attributes: UInt8
    /// Milliseconds that it waits for a USB reset after DFU_DETACH.
    public var detachTimeout: Int
    /// Bytes of a block.
    public var transferSize: Int
    /// 0x011A: DfuSe, ST's extension.
    public var version: UInt16

    /// Bit 3 (bitWillDetach): it leaves the bus after DFU_DETACH, without waiting for a USB reset.
    public var detachesItself: Bool { attributes & 8 != 0 }
}

extension DFUFunctional {
    /// Finds it among the bytes of a configuration or of an interface's extra descriptors.
    init?(descriptors bytes: [UInt8]) {
        var at = 0
        while at + 2 <= bytes.count, bytes[at] >= 2, at + Int(bytes[at]) <= bytes.count {
            // 7 bytes in DFU 1.0, which has no version.
            if bytes[at + 1] == 0x21, bytes[at] >= 7 {
                func half(_ offset: Int) -> Int { Int(bytes[at + offset]) | Int(bytes[at + offset + 1]) << 8 }
                self.init(
                    attributes: bytes[at + 2], detachTimeout: half(3), transferSize: half(5),
                    version: bytes[at] >= 9 ? UInt16(half(7)) : 0x0100)
                return
            }
            at += Int(bytes[at])
        }
        return nil
    }
}
