// The factory's side of a node's first minute (R18): keys in, proof out, label printed, secret forgotten.
import ControlNode
import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Records
import Reporting
import Transport

/// A node fresh from the station, with its label: the only place where the claim secret still is, besides the station's vault.
public struct Provisioned: Sendable {
    /// The record as it is in the database: *verified*.
    public let node: NodeRecord
    /// The record as it will be once the label is out.
    public let record: ProvisioningRecord
    /// The label to be written. It holds the claim secret.
    public let label: ClaimLabel
    /// True if an earlier, interrupted attempt had begun with these keys, and this one completed it.
    public let isResumed: Bool
    /// From the first question to the proof.
    public var elapsed = Duration.zero
    /// The part of `elapsed` in which the station waited for the node.
    public var nodeTime = Duration.zero
    /// Its label, if it was prepared while the node proved its keys.
    public fileprivate(set) var preparedLabel: PreparedLabels?

    init(_ node: NodeRecord, identity: PublicKey, claim: SigningKey, isResumed: Bool) {
        self.node = node
        self.isResumed = isResumed
        let address = NodeAddress(of: identity)
        label = ClaimLabel(address: address, claimKey: claim)
        record = ProvisioningRecord(
            batch: node.batch, serial: node.serial, address: address, identity: identity, claim: node.claim,
            board: node.board, firmware: node.firmware, firmwareHash: node.firmwareHash,
            hardwareSerial: node.hardwareSerial, network: node.network, isTest: node.isTest,
            isIdentityInjected: node.isIdentityInjected, isProtected: node.isProtected, station: node.station,
            operator: node.operator, time: node.time ?? node.begun)
    }
}

/// Provisions nodes, any number at once. Whenever it is interrupted, connecting the node again completes it.
///
/// The order makes that so: the database gives the serial number and takes the claim key's public half; the secret goes to the vault;
/// the node gets its keys; it proves them; the label goes out; the database says *done*; the secret is forgotten. Each step is recorded
/// before the next, and can be repeated.
public final class Station: Sendable {
    /// Where the station's key, vault and, unless told otherwise, database are.
    public let home: Home
    /// The network that the nodes' signatures are bound to.
    public let network: UInt32
    /// The station's name in the records; a name belongs to one station key. Where none was given it is the one that these records know the key
    /// by, once they are open: the computer may have been called otherwise then.
    public var name: String { named.get() }
    /// Who works at it.
    public let operatorName: String
    private let named: StationName
    private let location: String
    private let now: @Sendable () -> Date
    private let boundary: @Sendable (Boundary) async -> Void
    private let opened = Opened()
    /// What the clock is held against.
    let limits: ClockLimits
    private let chips = ChipsUnderWay()
    let vault: ClaimVault

    /// Where a station can be interrupted: after each of these.
    public enum Boundary: CaseIterable, Sendable {
        /// Each is named for what has just been recorded or done.
        case reserved, kept, taken, written, proved, verified, labelled, escrowed, done, forgotten
    }

    /// - Parameters:
    ///   - name: the computer's name if nil.
    ///   - database: `home/factory.sqlite` if nil.
    ///   - limits: what the clock is held against before a node is given a date.
    ///   - now: the clock.
    ///   - boundary: called at each boundary, for tests that interrupt there.
    public init(
        home: Home, network: UInt32 = 1, name: String? = nil, operator: String? = nil, database: String? = nil,
        limits: ClockLimits = ClockLimits(), now: @escaping @Sendable () -> Date = { Date() },
        boundary: @escaping @Sendable (Boundary) async -> Void = { _ in }
    ) {
        let environment = ProcessInfo.processInfo.environment
        self.home = home
        self.network = network
        self.limits = limits
        clock = StationClock(limits)
        named = StationName(name ?? ProcessInfo.processInfo.hostName, isGiven: name != nil)
        operatorName = `operator` ?? environment["USER"] ?? environment["LOGNAME"] ?? Self.userName ?? "unknown"
        location = database ?? Self.location(in: home)
        self.now = now
        self.boundary = boundary
        vault = ClaimVault(home: home)
    }

    /// Where the identity key comes from.
    public enum IdentitySource: String, CaseIterable, Sendable {
        /// Made in the node; one without a true random generator is refused.
        case node
        /// Made in the node if it has a true random generator, else here.
        case whereNeeded
        /// Made here.
        case station
    }

    /// What nodes get, and what they must be.
    public struct Options: Sendable {
        /// Batch of the nodes, which are all of one kind. Nil: nodes of any kind, as they come from a developer; they are counted as "default".
        public var batch: String?
        /// A rehearsal: test keys, and no lock.
        public var isTest = false
        /// Where the identity key comes from.
        public var identity = IdentitySource.node
        /// What becomes of the chips' readback protection; a rehearsal sets none.
        public var protection = Protection.wherePossible
        /// What is known of the readback of boards' chips.
        public var readback: [String: Readback] = [:]
        /// What every node must be; empty for what the batch's first one is, or for any where there is no batch.
        public var board = ""
        /// Firmware version, as `NodeStatus.version`.
        public var firmware = ""
        /// Hash of the image in hexadecimal, as `NodeStatus.firmwareHash`.
        public var firmwareHash = ""

        /// Nodes of any kind into the default batch, with true keys made in the node.
        public init() {}

        /// True if a node of `board` gets its chip's readback protection.
        func protects(_ board: String) -> Bool {
            !isTest && protection != .open && readback[board]?.protection != nil
        }
    }

    /// The records, opened at first use.
    /// - Throws: `Failure` when the database or the station's key cannot be opened, or the station's name belongs to another key;
    ///   the next call tries again.
    public func records() throws -> Records {
        try opened.get {
            vault.sweep()
            let records = try Records(location)
            let key = try StationKey.open(home.file("station.key")).publicKey
            named.settle(try records.stations().first { $0.publicKey == key }?.name)
            try records.register(station: name, publicKey: key, at: now())
            // An earlier time than the records' own would put later nodes before earlier ones.
            if let newest = try records.newest(station: name) { clock.note(newest) }
            return records
        }
    }

    /// The records for reading: nothing is made or changed, neither there nor in the home, and they may be another station's. A home in which no
    /// station has worked has none, which is no fault; a database that was named must be there.
    /// - Throws: `Failure` when there are none, or they cannot be read.
    public func recordsToRead() throws -> Records {
        if location == Self.location(in: home), access(location, F_OK) != 0, errno == ENOENT { return try Records.none() }
        return try Records(reading: location)
    }

    /// What the system calls the user, where the environment does not say.
    private static var userName: String? {
        let name = NSUserName()
        return name.isEmpty ? nil : name
    }

    /// Where the records are when no database is named.
    private static func location(in home: Home) -> String { home.path + "/factory.sqlite" }

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

    private let clock: StationClock

    private func time() throws -> Date {
        let time = now()
        try clock.check(time)
        return time
    }

    // MARK: One node

    /// The batch that `options` speak of.
    /// - Throws: `Failure`, of kind `usage` when a batch of that name is of another kind, of kind `environment` when this
    ///   computer's clock is behind the records.
    public func batch(_ options: Options) throws -> Batch {
        let suffix = (options.isTest ? "-test" : "") + (network == 1 ? "" : "-network\(network)")
        let records = try records()
        // Without a batch the next image may be another one.
        let isOfOneKind = options.batch != nil
        return try records.open(
            Batch(
                name: options.batch ?? "default\(suffix)", board: isOfOneKind ? options.board : "",
                firmware: isOfOneKind ? options.firmware : "", firmwareHash: isOfOneKind ? options.firmwareHash : "",
                network: UInt64(network), isTest: options.isTest, created: try time()))
    }

    /// Puts keys into the node, has it prove that it holds them, and returns its record and label.
    /// - Parameter labels: where a single label will go; it is prepared while the node proves its keys.
    /// - Throws: `Failure` or `Refusal`; `AlreadyProvisioned` for a node whose label is out. What was begun stays in the records,
    ///   and connecting the node again completes it.
    public func provision(
        _ client: CoAPClient, options: Options = Options(), labels: (any LabelOutput)? = nil,
        progress: @Sendable (String) -> Void = { _ in }
    ) async throws -> Provisioned {
        let start = ContinuousClock.now
        let node = TimedProbe(NodeProbe(client))
        // The disk and the node work at the same time, here and in `complete`: nothing that must be kept waits for less.
        async let drawing = vault.draw()
        let status = try await node.ask { try await $0.status() }
        let drawn = try await drawing
        try chips.enter(status.hardwareSerial, client.name)
        defer { chips.leave(status.hardwareSerial) }
        let begun: Begun
        switch status.state {
        case .blank: begun = try await begin(status, client.name, options, drawn)
        case .unowned:
            let attested = try await node.attest(status, client)
            let earlier = try unfinished(status, attested, client)
            // The node of a rehearsal has no lock: it is given keys again unless it waits to be completed.
            if let earlier { begun = earlier } else { begun = try await begin(status, client.name, options, drawn) }
        case .owned:
            throw AlreadyOwned(connection: client.name, address: status.address)
        case .damaged:
            throw Failure(
                .usage, "\(client.name) has damaged records: \(status.damaged.joined(separator: ", "))", about: "\(client.name)",
                advice: "Erase the chip fully and flash it again; if it happens twice, discard the chip")
        }
        do {
            var provisioned = try await complete(begun, node, options, labels, progress)
            provisioned.elapsed = ContinuousClock.now - start
            provisioned.nodeTime = await node.elapsed
            return provisioned
        } catch {
            // The reason stands beside the record that is to be redone, if the records can still be reached.
            let why = (error as? Failure)?.what ?? "\(error)"
            try? records().failed(begun.record, why, at: now())
            throw error
        }
    }

    /// A node that has a serial number and a claim key, and maybe the keys in it already.
    private struct Begun {
        var record: NodeRecord
        let claim: SigningKey
        /// The identity that it shows; nil while blank.
        let identity: PublicKey?
    }

    /// Reserves a serial number for a blank node, or takes the one that an interrupted attempt gave it.
    private func begin(_ status: NodeStatus, _ connection: String, _ options: Options, _ drawn: ClaimVault.Drawn) async throws
        -> Begun
    {
        var wanted = options
        // The first node says what a batch is made of.
        for (field, value) in [
            (\Options.board, status.board), (\Options.firmware, status.version), (\Options.firmwareHash, status.firmwareHash),
        ] where wanted[keyPath: field].isEmpty { wanted[keyPath: field] = value }
        try check(status, against: wanted, connection)
        try checkProtection(of: status.board, options, connection)
        let records = try records()
        var batch = try batch(options)
        if options.batch != nil {
            try check(status, against: batch, connection)
            if batch.board.isEmpty || batch.firmware.isEmpty || batch.firmwareHash.isEmpty { batch = try self.batch(wanted) }
        }
        var found = Records.Found(
            board: status.board, firmware: status.version, firmwareHash: status.firmwareHash,
            hardwareSerial: status.hardwareSerial, connection: connection, station: name, operator: operatorName)
        found.image = status.image
        let claim = drawn.key
        let record: NodeRecord
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

    /// The record of an attempt that left this blank node blank.
    private func interrupted(_ status: NodeStatus, _ connection: String, _ batch: Batch) throws -> NodeRecord? {
        let records = try records()
        if !status.hardwareSerial.isEmpty {
            let known = try records.nodes(hardwareSerial: status.hardwareSerial).filter { $0.isTest == batch.isTest }
            if let record = known.first(where: { $0.step == .done }), !batch.isTest {
                let time = (record.time ?? record.begun).formatted(.iso8601)
                throw Failure(
                    .usage,
                    "\(connection) is blank, but shows the chip number of \(record.label), which was provisioned on \(time): it has been erased since, or two chips have one number",
                    about: "\(connection)",
                    remedy: .either([
                        .inOrder([
                            .advice("If it was erased, destroy that label"),
                            .discard(batch: record.batch, serial: record.serial, reason: "erased"),
                        ]), .advice("If \(record.label) is another node, set this one aside"),
                    ])
                )
            }
            return known.first { $0.step != .done && $0.batch == batch.name }
        }
        // A chip without a number is told by its place, and only as long as nothing can have been written.
        return try records.unfinished(station: name).first {
            $0.step == .reserved && $0.batch == batch.name && $0.hardwareSerial.isEmpty && $0.connection == connection
        }
    }

    /// The unfinished attempt that gave this node its keys; nil for one that may be given keys again.
    private func unfinished(_ status: NodeStatus, _ attested: Attestation, _ client: CoAPClient) throws -> Begun? {
        let records = try records()
        guard let record = try records.node(claim: attested.claim) else {
            if attested.isTest { return nil }
            throw Failure(
                .usage, "\(client.name) is provisioned already (\(attested.node)), by a station with other records",
                about: "\(client.name)",
                advice: "Its label is the one that was printed then; a full erase of the chip makes it blank again")
        }
        guard record.claim == attested.claim, record.step != .discarded else {
            if attested.isTest { return nil }
            throw Failure(
                .usage, "\(client.name) has keys of an attempt that was given up (\(record.label))", about: "\(client.name)",
                advice: "Erase its chip fully, then connect it again")
        }
        if record.step == .done {
            if attested.isTest { return nil }
            throw AlreadyProvisioned(record: record, connection: client.name)
        }
        guard let claim = try vault.key(record.claim) else {
            if attested.isTest { return nil }
            throw Failure(
                .usage, "\(client.name) is \(record.label), which station “\(record.station)” has begun", about: "\(client.name)",
                advice: "Complete it there; if that station is no more, erase the chip fully and connect it again")
        }
        return Begun(record: record, claim: claim, identity: attested.identity)
    }

    /// Everything from the keys to the proof.
    private func complete(
        _ begun: Begun, _ node: TimedProbe, _ options: Options, _ labels: (any LabelOutput)?,
        _ progress: @Sendable (String) -> Void
    ) async throws -> Provisioned {
        let records = try records()
        var record = begun.record
        var identity = begun.identity
        var isInjected = record.isIdentityInjected
        if identity == nil {
            progress("writing keys")
            (identity, isInjected) = try await write(
                begun.claim.publicKey, node, options, protects: options.protects(record.board))
            await boundary(.taken)
        } else {
            progress("completing an interrupted provisioning")
        }
        guard let identity else { preconditionFailure("a node that took its keys has an identity") }
        progress("verifying by a signed challenge")
        let network = UInt64(self.network)
        async let proof = node.ask { try await $0.attest(identity, network: network) }
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
        guard attestation.isTest == record.isTest, attestation.claim == record.claim,
            attestation.board == record.board, attestation.version == record.firmware
        else {
            throw Failure(
                .malformedAnswer, "\(node.name) did not keep what was written", about: "\(node.name)",
                advice: "Erase the chip fully and try again; if it happens twice, discard the chip")
        }
        try checkProtection(attestation, of: record, options, isResumed: begun.identity != nil)
        tellReadback(attestation, of: record, options, progress)
        record = try records.verified(record, isProtected: attestation.isProtected, at: try time())
        await boundary(.verified)
        var provisioned = Provisioned(record, identity: identity, claim: begun.claim, isResumed: begun.identity != nil)
        provisioned.preparedLabel = preparedLabel
        return provisioned
    }

    private func write(
        _ claim: PublicKey, _ node: TimedProbe, _ options: Options, protects: Bool
    ) async throws -> (PublicKey, Bool) {
        let network = network
        func give(_ identity: SigningKey?) async throws -> PublicKey {
            try await node.ask {
                try await $0.provision(
                    claim: claim, identity: identity, network: network, isTest: options.isTest, protects: protects)
            }
        }
        guard options.identity != .station else { return (try await give(.generate()), true) }
        do { return (try await give(nil), false) } catch let refusal as Refusal
            where refusal.known == .noEntropy && options.identity == .whereNeeded
        {
            return (try await give(.generate()), true)
        }
    }

    // MARK: After the label

    /// The label is out: seals the claim secret if there is an escrow, commits the record, and forgets the secret.
    /// - Throws: `Failure`; the secret stays in the vault then, and calling it again completes it.
    @discardableResult
    public func finish(_ provisioned: Provisioned, escrow: Escrow? = nil) async throws -> NodeRecord {
        let done = try await commit(provisioned, escrow: escrow)
        try await forget(done)
        return done
    }

    /// All that the factory does with a node, where the label is the caller's affair: keys in, proof out, the secret forgotten. A board
    /// without a true random generator gets its identity from the factory's computer.
    /// - Throws: as `provision` and `finish`.
    public func provisionAndFinish(_ client: CoAPClient, isTest: Bool = false) async throws -> Provisioned {
        var options = Options()
        options.isTest = isTest
        options.identity = .whereNeeded
        let provisioned = try await provision(client, options: options)
        try await finish(provisioned)
        return provisioned
    }

    /// The first half of `finish`: after it the node can be unplugged.
    /// - Throws: `Failure`; the record is not *done* then, though the sealed secret may be in the escrow file.
    public func commit(_ provisioned: Provisioned, escrow: Escrow? = nil) async throws -> NodeRecord {
        await boundary(.labelled)
        if let escrow {
            try escrow.seal(provisioned)
            await boundary(.escrowed)
        }
        let done = try records().done(provisioned.node, at: try time())
        await boundary(.done)
        return done
    }

    /// The second half.
    /// - Throws: `Failure` when the secret cannot be removed; `recover` does it later.
    public func forget(_ done: NodeRecord) async throws {
        try vault.forget(done.claim)
        await boundary(.forgotten)
    }

    /// What an earlier run left: nodes that lack nothing but their label, and those that must be connected again.
    public struct Leftover: Sendable {
        /// Verified by an earlier run; their claim secrets are in the vault.
        public let unlabelled: [Provisioned]
        /// Records of nodes that have a serial number and no proof, or whose claim secret is not here.
        public let toBeRedone: [NodeRecord]
    }

    /// Looks through what was interrupted, and forgets secrets that nothing needs any more.
    /// - Throws: `Failure` when the records or the vault cannot be used.
    public func recover() throws -> Leftover {
        let records = try records()
        for claim in vault.claims() {
            // A secret that these records do not know is another database's.
            guard let record = try records.node(claim: claim) else { continue }
            if record.claim != claim || record.step == .done || record.step == .discarded { try vault.forget(claim) }
        }
        var unlabelled: [Provisioned] = []
        var toBeRedone: [NodeRecord] = []
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
