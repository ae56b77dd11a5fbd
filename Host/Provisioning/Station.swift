// The factory's side of a device's first minute: keys in, proof out, label printed, secret forgotten.
import ControlNode
import Foundation
import Records
import Reporting
import Transport

/// A device fresh from the station, with its label: the only place where the claim secret still is, besides the station's vault.
public struct Provisioned: Sendable {
    public let device: DeviceRecord
    /// The record as it will be once the label is out.
    public let record: ProvisioningRecord
    public let label: ClaimLabel
    /// True if an earlier, interrupted attempt had begun with these keys, and this one completed it.
    public let isResumed: Bool
    /// How long it took, and how much of that the device needed to answer.
    public var elapsed = Duration.zero
    public var deviceTime = Duration.zero
    /// Its label, if it was prepared while the device proved its keys.
    public fileprivate(set) var preparedLabel: PreparedLabels?

    init(_ device: DeviceRecord, identity: PublicKey, claim: SigningKey, isResumed: Bool) {
        self.device = device
        self.isResumed = isResumed
        let address = DeviceAddress(of: identity)
        label = ClaimLabel(address: address, claimKey: claim)
        record = ProvisioningRecord(
            batch: device.batch, serial: device.serial, address: address, identity: identity, claim: device.claim,
            board: device.board, firmware: device.firmware, firmwareHash: device.firmwareHash,
            hardwareSerial: device.hardwareSerial, network: device.network, isTest: device.isTest,
            isIdentityInjected: device.isIdentityInjected, isProtected: device.isProtected, station: device.station,
            operator: device.operator, time: device.time ?? device.begun)
    }
}

/// Provisions devices, any number at once. Whenever it is interrupted, connecting the device again completes it.
///
/// The order makes that so: the database gives the serial number and takes the claim key's public half; the secret goes to the vault;
/// the device gets its keys; it proves them; the label goes out; the database says *done*; the secret is forgotten. Each step is recorded
/// before the next, and can be repeated.
public final class Station: Sendable {
    public let home: Home
    /// The network that the devices' signatures are bound to.
    public let network: UInt32
    /// The station's name in the records; a name belongs to one station key.
    public let name: String
    /// Who works at it.
    public let operatorName: String
    private let location: String
    private let now: @Sendable () -> Date
    private let boundary: @Sendable (Boundary) async -> Void
    private let opened = Opened()
    private let chips = ChipsUnderWay()
    let vault: ClaimVault

    /// Where a station can be interrupted: after each of these.
    public enum Boundary: CaseIterable, Sendable {
        case reserved, kept, taken, written, proved, verified, labelled, escrowed, done, forgotten
    }

    /// - Parameters:
    ///   - name: the computer's name if nil.
    ///   - database: `home/factory.sqlite` if nil.
    ///   - now: the clock.
    ///   - boundary: called at each boundary, for tests that interrupt there.
    public init(
        home: Home, network: UInt32 = 1, name: String? = nil, operator: String? = nil, database: String? = nil,
        now: @escaping @Sendable () -> Date = { Date() }, boundary: @escaping @Sendable (Boundary) async -> Void = { _ in }
    ) {
        let environment = ProcessInfo.processInfo.environment
        self.home = home
        self.network = network
        self.name = name ?? ProcessInfo.processInfo.hostName
        operatorName = `operator` ?? environment["USER"] ?? environment["LOGNAME"] ?? "unknown"
        location = database ?? home.path + "/factory.sqlite"
        self.now = now
        self.boundary = boundary
        vault = ClaimVault(home: home)
    }

    /// Where the identity key comes from.
    public enum IdentitySource: String, CaseIterable, Sendable {
        /// Made in the device; one without a true random generator is refused.
        case device
        /// Made in the device if it has a true random generator, else here.
        case whereNeeded
        /// Made here.
        case station
    }

    public struct Options: Sendable {
        /// Batch of the devices; "default" if nil.
        public var batch: String?
        /// A rehearsal: test keys, and no lock.
        public var isTest = false
        public var identity = IdentitySource.device
        /// Sets the chip's readback protection.
        public var protects = false
        /// The boards of which it is known that they have one.
        public var protectableBoards: Set<String> = []
        /// What every device must be; empty for what the batch's first one is.
        public var board = ""
        public var firmware = ""
        public var firmwareHash = ""

        public init() {}
    }

    /// The records, opened at first use.
    public func records() throws -> Records {
        try opened.get {
            vault.sweep()
            let records = try Records(location)
            try records.register(
                station: name, publicKey: try StationKey.open(home.file("station.key")).publicKey, at: now())
            // An earlier time than the records' own would put later devices before earlier ones.
            if let newest = try records.newest(station: name) { clock.note(newest) }
            return records
        }
    }

    private final class Opened: @unchecked Sendable {
        private let lock = NSLock()
        private var records: Records?

        func get(_ open: () throws -> Records) throws -> Records {
            try lock.withLock {
                if let records { return records }
                let made = try open()
                records = made
                return made
            }
        }
    }

    // MARK: The clock

    private let clock = Clock()

    /// The time; never before the newest record.
    private final class Clock: @unchecked Sendable {
        private let lock = NSLock()
        private var newest = Date.distantPast

        func note(_ time: Date) { lock.withLock { newest = max(newest, time) } }

        func check(_ now: Date) throws {
            try lock.withLock {
                // Two seconds are what a time server may put right.
                guard now >= newest - 2 else {
                    throw Failure(
                        .environment,
                        "this computer's clock shows \(now.formatted(.iso8601)), but this station's newest record is of \(newest.formatted(.iso8601))",
                        advice: "Set the clock right, then start again; nothing was lost")
                }
                newest = max(newest, now)
            }
        }
    }

    private func time() throws -> Date {
        let time = now()
        try clock.check(time)
        return time
    }

    // MARK: One device

    /// The batch that `options` speak of.
    public func batch(_ options: Options) throws -> Batch {
        let suffix = (options.isTest ? "-test" : "") + (network == 1 ? "" : "-network\(network)")
        let records = try records()
        return try records.open(
            Batch(
                name: options.batch ?? "default\(suffix)", board: options.board, firmware: options.firmware,
                firmwareHash: options.firmwareHash, network: UInt64(network), isTest: options.isTest, created: try time()))
    }

    /// Puts keys into the device, has it prove that it holds them, and returns its record and label.
    /// - Parameter labels: where a single label will go; it is prepared while the device proves its keys.
    public func provision(
        _ client: CoAPClient, options: Options = Options(), labels: (any LabelOutput)? = nil,
        progress: @Sendable (String) -> Void = { _ in }
    ) async throws -> Provisioned {
        let start = ContinuousClock.now
        let device = TimedProbe(DeviceProbe(client))
        // The disk and the device work at the same time, here and in `complete`: nothing that must be kept waits for less.
        async let drawing = vault.draw()
        let status = try await device.ask { try await $0.status() }
        let drawn = try await drawing
        try chips.enter(status.hardwareSerial, client.name)
        defer { chips.leave(status.hardwareSerial) }
        let begun: Begun
        switch status.state {
        case .blank: begun = try await begin(status, client.name, options, drawn)
        case .unowned:
            let attested = try await device.attest(status, client)
            let earlier = try unfinished(status, attested, client)
            // The device of a rehearsal has no lock: it is given keys again unless it waits to be completed.
            if let earlier { begun = earlier } else { begun = try await begin(status, client.name, options, drawn) }
        case .owned:
            throw Failure(
                .usage, "\(client.name) has an owner already (\(status.address?.description ?? "no address"))",
                advice: "Only a blank device can be provisioned; a full erase of the chip makes it blank")
        case .damaged:
            throw Failure(
                .usage, "\(client.name) has damaged records: \(status.damaged.joined(separator: ", "))",
                advice: "Erase the chip fully and flash it again; if it happens twice, discard the chip")
        }
        do {
            var provisioned = try await complete(begun, device, options, labels, progress)
            provisioned.elapsed = ContinuousClock.now - start
            provisioned.deviceTime = await device.elapsed
            return provisioned
        } catch {
            // The reason stands beside the record that is to be redone, if the records can still be reached.
            let why = (error as? Failure)?.what ?? "\(error)"
            try? records().failed(begun.record, why, at: now())
            throw error
        }
    }

    /// A device that has a serial number and a claim key, and maybe the keys in it already.
    private struct Begun {
        var record: DeviceRecord
        let claim: SigningKey
        /// The identity that it shows; nil while blank.
        let identity: PublicKey?
    }

    /// Reserves a serial number for a blank device, or takes the one that an interrupted attempt gave it.
    private func begin(_ status: DeviceStatus, _ connection: String, _ options: Options, _ drawn: ClaimVault.Drawn) async throws
        -> Begun
    {
        var wanted = options
        // The first device says what a batch is made of.
        for (field, value) in [
            (\Options.board, status.board), (\Options.firmware, status.version), (\Options.firmwareHash, status.firmwareHash),
        ] where wanted[keyPath: field].isEmpty { wanted[keyPath: field] = value }
        try check(status, against: wanted, connection)
        try checkProtection(of: status.board, options, connection)
        let records = try records()
        var batch = try batch(options)
        try check(status, against: batch, connection)
        if batch.board.isEmpty || batch.firmware.isEmpty || batch.firmwareHash.isEmpty { batch = try self.batch(wanted) }
        let found = Records.Found(
            board: status.board, firmware: status.version, firmwareHash: status.firmwareHash,
            hardwareSerial: status.hardwareSerial, connection: connection, station: name, operator: operatorName)
        let claim = drawn.key
        let record: DeviceRecord
        let earlier = try interrupted(status, connection, batch)
        if let earlier {
            record = try records.restart(earlier, found, claim: claim.publicKey, at: try time())
        } else {
            record = try records.reserve(batch, found, claim: claim.publicKey, at: try time())
        }
        await boundary(.reserved)
        do { try vault.keep(drawn) } catch {
            try? records.failed(record, "its claim key could not be kept", at: now())
            throw error
        }
        if let earlier { try vault.forget(earlier.claim) }
        await boundary(.kept)
        return Begun(record: record, claim: claim, identity: nil)
    }

    /// The record of an attempt that left this blank device blank.
    private func interrupted(_ status: DeviceStatus, _ connection: String, _ batch: Batch) throws -> DeviceRecord? {
        let records = try records()
        if !status.hardwareSerial.isEmpty {
            let known = try records.devices(hardwareSerial: status.hardwareSerial).filter { $0.isTest == batch.isTest }
            if let record = known.first(where: { $0.step == .done }), !batch.isTest {
                let time = (record.time ?? record.begun).formatted(.iso8601)
                throw Failure(
                    .usage,
                    "\(connection) is blank, but shows the chip number of \(record.label), which was provisioned on \(time): it has been erased since, or two chips have one number",
                    advice:
                        "If it was erased, destroy that label and say: lightnode batch discard \(record.batch) \(record.serial) --reason erased. If \(record.label) is another device, set this one aside"
                )
            }
            return known.first { $0.step != .done && $0.batch == batch.name }
        }
        // A chip without a number is told by its place, and only as long as nothing can have been written.
        return try records.unfinished(station: name).first {
            $0.step == .reserved && $0.batch == batch.name && $0.hardwareSerial.isEmpty && $0.connection == connection
        }
    }

    /// The unfinished attempt that gave this device its keys; nil for one that may be given keys again.
    private func unfinished(_ status: DeviceStatus, _ attested: Attestation, _ client: CoAPClient) throws -> Begun? {
        let records = try records()
        let known =
            if let claim = attested.claim { try records.device(claim: claim) } else {
                try records.device(identity: attested.identity)
                    ?? records.unfinished(station: name).first {
                        $0.step == .reserved && $0.connection == client.name && $0.hardwareSerial == status.hardwareSerial
                    }
            }
        guard let record = known else {
            if attested.isTest { return nil }
            throw Failure(
                .usage, "\(client.name) is provisioned already (\(attested.device)), by a station with other records",
                advice: "Its label is the one that was printed then; a full erase of the chip makes it blank again")
        }
        guard attested.claim == nil || record.claim == attested.claim, record.step != .discarded else {
            if attested.isTest { return nil }
            throw Failure(
                .usage, "\(client.name) has keys of an attempt that was given up (\(record.label))",
                advice: "Erase its chip fully, then connect it again")
        }
        if record.step == .done {
            if attested.isTest { return nil }
            throw AlreadyProvisioned(record: record, connection: client.name)
        }
        guard let claim = try vault.key(record.claim) else {
            if attested.isTest { return nil }
            throw Failure(
                .usage, "\(client.name) is \(record.label), which station “\(record.station)” has begun",
                advice: "Complete it there; if that station is no more, erase the chip fully and connect it again")
        }
        return Begun(record: record, claim: claim, identity: attested.identity)
    }

    /// Everything from the keys to the proof.
    private func complete(
        _ begun: Begun, _ device: TimedProbe, _ options: Options, _ labels: (any LabelOutput)?,
        _ progress: @Sendable (String) -> Void
    ) async throws -> Provisioned {
        let records = try records()
        var record = begun.record
        var identity = begun.identity
        var isInjected = record.isIdentityInjected
        if identity == nil {
            progress("writing keys")
            (identity, isInjected) = try await write(begun.claim.publicKey, device, options)
            await boundary(.taken)
        } else {
            progress("completing an interrupted provisioning")
        }
        guard let identity else { preconditionFailure("a device that took its keys has an identity") }
        progress("verifying by a signed challenge")
        let network = UInt64(self.network)
        async let proof = device.ask { try await $0.attest(identity, network: network) }
        if record.step == .reserved || record.step == .written {
            record = try records.written(record, identity: identity, isInjected: isInjected, at: try time())
            await boundary(.written)
        }
        // Should that fail, it fails again, and is told, when the label is due.
        let preparedLabel = try? labels.flatMap { output in
            try output.prepare([
                ProvisionedLabel(Provisioned(record, identity: identity, claim: begun.claim, isResumed: begun.identity != nil))
            ])
        }
        let attestation = try await proof
        await boundary(.proved)
        guard attestation.isTest == record.isTest, attestation.claim == nil || attestation.claim == record.claim,
            attestation.board == record.board, attestation.version == record.firmware
        else {
            throw Failure(
                .malformedAnswer, "\(device.name) did not keep what was written",
                advice: "Erase the chip fully and try again; if it happens twice, discard the chip")
        }
        guard attestation.isProtected || !options.protects else {
            throw Failure(
                .malformedAnswer, "\(device.name) did not set its chip's readback protection",
                advice: "If it got its keys without --protect, leave --protect away; otherwise discard the chip")
        }
        record = try records.verified(record, isProtected: attestation.isProtected, at: try time())
        await boundary(.verified)
        var provisioned = Provisioned(record, identity: identity, claim: begun.claim, isResumed: begun.identity != nil)
        provisioned.preparedLabel = preparedLabel
        return provisioned
    }

    private func write(_ claim: PublicKey, _ device: TimedProbe, _ options: Options) async throws -> (PublicKey, Bool) {
        let network = network
        func give(_ identity: SigningKey?) async throws -> PublicKey {
            try await device.ask {
                try await $0.provision(
                    claim: claim, identity: identity, network: network, isTest: options.isTest, protects: options.protects)
            }
        }
        guard options.identity != .station else { return (try await give(.generate()), true) }
        do { return (try await give(nil), false) } catch let refusal as Refusal
            where refusal.reason == "no-entropy" && options.identity == .whereNeeded
        {
            return (try await give(.generate()), true)
        }
    }

    // MARK: After the label

    /// The label is out: seals the claim secret if there is an escrow, commits the record, and forgets the secret.
    @discardableResult
    public func finish(_ provisioned: Provisioned, escrow: Escrow? = nil) async throws -> DeviceRecord {
        let done = try await commit(provisioned, escrow: escrow)
        try await forget(done)
        return done
    }

    /// The first half of `finish`: after it the device can be unplugged.
    public func commit(_ provisioned: Provisioned, escrow: Escrow? = nil) async throws -> DeviceRecord {
        await boundary(.labelled)
        if let escrow {
            try escrow.seal(provisioned)
            await boundary(.escrowed)
        }
        let done = try records().done(provisioned.device, at: try time())
        await boundary(.done)
        return done
    }

    /// The second half.
    public func forget(_ done: DeviceRecord) async throws {
        try vault.forget(done.claim)
        await boundary(.forgotten)
    }

    /// What an earlier run left: devices that lack nothing but their label, and those that must be connected again.
    public struct Leftover: Sendable {
        public let unlabelled: [Provisioned]
        public let toBeRedone: [DeviceRecord]
    }

    /// Looks through what was interrupted, and forgets secrets that nothing needs any more.
    public func recover() throws -> Leftover {
        let records = try records()
        for claim in vault.claims() {
            // A secret that these records do not know is another database's.
            guard let record = try records.device(claim: claim) else { continue }
            if record.claim != claim || record.step == .done || record.step == .discarded { try vault.forget(claim) }
        }
        var unlabelled: [Provisioned] = []
        var toBeRedone: [DeviceRecord] = []
        for record in try records.unfinished(station: name) {
            if record.step == .verified, let identity = record.identity, let claim = try vault.key(record.claim) {
                unlabelled.append(Provisioned(record, identity: identity, claim: claim, isResumed: true))
            } else {
                toBeRedone.append(record)
            }
        }
        return Leftover(unlabelled: unlabelled, toBeRedone: toBeRedone)
    }
}
