// What can go wrong in the store.
import HAL

/// Why an operation of the store failed. Unless a case says otherwise nothing that had been stored is changed.
public enum StoreError: Error, Equatable, Sendable {
    /// The part failed. The operation is entirely done or entirely not; mount again to learn which.
    case flashOutOfBounds, flashUnaligned, flashProgramFailed, flashEraseFailed, flashWriteProtected, flashTimeout
    /// `mount()` has not succeeded: call it, and report what it throws.
    case notMounted
    /// The part has fewer pages, or smaller ones, than the layout needs, or the layout is out of its limits: correct the layout.
    case unusableLayout
    /// The part was formatted with another layout or version: use a firmware with that layout, or provision the device anew.
    case layoutMismatch
    /// The records cannot be found: their log is damaged beyond correction. The device must be provisioned anew.
    case damagedRecords
    /// A journal page that may hold the newest sequence numbers is damaged beyond correction. Records remain readable. Raise the
    /// epoch, so that no old message is valid, then `restartJournal`.
    case damagedJournal
    /// The newest value of this key is damaged beyond correction. It is not absent: put a new value, or report it.
    case unreadable
    /// The live records and the new ones do not fit one bank: remove records.
    case full
    /// A value is longer than `StoreLimits.value` or than a page, or the caller's buffer is shorter than the value.
    case wrongLength
    /// The journal's page is full: `openPage`, then begin again.
    case pageFull
    /// The sequence number is 2^56 − 2^48 or more (microseconds since 1970 stay below until the year 4244): refuse the command.
    case sequenceTooLarge
    /// No entry of the journal has this index any more, or none ever had.
    case noSuchEntry
    /// The entry has an outcome, or an attempt to write one was cut short.
    case alreadyCompleted

    /// The part failed, and how. The cases carry nothing, so that an error is one byte in a register.
    @inline(never)
    public static func flash(_ error: FlashError) -> StoreError {
        switch error {
        case .outOfBounds: .flashOutOfBounds
        case .unaligned: .flashUnaligned
        case .programFailed: .flashProgramFailed
        case .eraseFailed: .flashEraseFailed
        case .writeProtected: .flashWriteProtected
        case .timeout: .flashTimeout
        }
    }
}
