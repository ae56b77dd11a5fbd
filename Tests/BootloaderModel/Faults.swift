// What can be wrong with a bootloader, its chip and its cable: options of the model.

/// Faults of an `STM32Bootloader`. Numbers count from 0 for blocks and from 1 for requests.
public struct Faults: Sendable {
    public enum Leaving: Sendable {
        /// It answers the status and goes.
        case afterStatus
        /// It goes while the host asks for the status.
        case duringStatus
        /// It goes when it gets the empty block.
        case atOnce
        /// It goes into dfuERROR.
        case refused
        /// It stays.
        case never
    }

    /// A status that does not belong there.
    public struct WrongStatus: Sendable {
        /// The state in which it is given.
        public var `in`: UInt8
        public var code: UInt8
        public var state: UInt8
        /// Not before so many sectors were erased.
        public var afterErases: Int

        public init(in current: UInt8, code: UInt8, state: UInt8, afterErases: Int = 0) {
            self.in = current
            self.code = code
            self.state = state
            self.afterErases = afterErases
        }
    }

    /// The cable is pulled while this block is programmed; half of it gets into the flash.
    public var unplugsAtBlock: Int?
    public var unplugsAtReadBlock: Int?
    public var unplugsAtRequest: Int?
    public var stallsAtRequest: Int?
    /// From this request on nothing is answered.
    public var silentFromRequest: Int?
    public var wrongStatus: WrongStatus?
    /// Operations never end.
    public var isStuck = false
    /// It answers a status while it works, in place of letting the bus wait.
    public var answersWhileBusy = false
    /// bwPollTimeout of such a status, in milliseconds.
    public var busyPoll = 5
    /// Block addresses count blocks of the full transfer size, as ST's open-source device library does, not of this request's length.
    public var blocksHaveFixedLength = false
    /// Erasing moves the address pointer, as it does in ST's open-source device library.
    public var eraseMovesPointer = false
    public var failsToErase = false
    public var failsToProgramBlock: Int?
    /// A byte that reads wrong.
    public var badCell: UInt64?
    public var leaving = Leaving.afterStatus

    public init() {}
}
