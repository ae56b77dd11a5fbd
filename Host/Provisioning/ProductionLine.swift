// The line: takes nodes as they come, any number at once, and sees each to its end.
import Foundation
import Labels
import NodeProtocol
import Records
import Reporting
import Transport

/// Provisions whatever is connected, until as many are done as are wanted or `stop` is called.
public actor ProductionLine {
    /// What a run is to do.
    public struct Plan: Sendable {
        /// What every node of the run gets.
        public var options = Station.Options()
        /// Only these, if any are named.
        public var nodes: [NodeLocator] = []
        /// Wait for nodes; otherwise only those are taken that are there.
        public var watches = false
        /// How many nodes are to be done; nil: any number.
        public var count: Int?
        /// Seconds after which a node that does not answer is given up.
        public var timeout = 15.0
        /// Takes the claim secrets, sealed; nil: they are forgotten once the label is out.
        public var escrow: Escrow?

        /// All nodes that are there when the line starts, one at least, with the station's default options.
        public init() {}
    }

    private let station: Station
    private let finder: NodeFinder
    private let labels: any LabelOutput
    private let plan: Plan
    /// What was done before is no failure of this run.
    private let began = Date()
    private let onEvent: @Sendable (LineEvent) -> Void
    private let start = ContinuousClock.now

    private var counts = LineEvent.Summary()
    /// Nodes that were taken and are still connected.
    private var present: Set<NodeLocator> = []
    private var waiting: [Provisioned] = []
    /// Nodes of an earlier run that lacked only their label: often still connected when this run has completed them.
    private var recovered: Set<String> = []
    /// Nodes on USB that got their address here: they leave the bus and come back under it.
    private var renamed: Set<NodeLocator> = []
    private var isStopping = false
    /// What stops the line: nothing can go on without a disk, a database or a printer.
    private var fault: (any Error)?
    private var firstFailure: Failure?

    /// Takes nothing before `run`.
    /// - Parameter onEvent: called for each event; the nodes' `progress` may come from several tasks at once.
    public init(
        station: Station, finder: NodeFinder, labels: any LabelOutput, plan: Plan,
        onEvent: @escaping @Sendable (LineEvent) -> Void
    ) {
        (self.station, self.finder, self.labels, self.plan, self.onEvent) = (station, finder, labels, plan, onEvent)
        counts.wanted = plan.count
    }

    /// Takes no more nodes; those under way are finished.
    public func stop() {
        guard !isStopping else { return }
        isStopping = true
        emit(.init(.stopping))
    }

    /// Runs to the end.
    /// - Throws: what stopped the line, or a summary of the nodes that were not provisioned.
    public func run() async throws -> LineEvent.Summary {
        do {
            let leftover = try station.recover()
            counts.toBeRedone = leftover.toBeRedone.count
            for record in leftover.toBeRedone {
                var event = LineEvent(.toBeRedone, record.connection, message: record.outcome)
                event.node = record.label
                emit(event)
            }
            _ = try station.batch(plan.options)
            recovered = Set(leftover.unlabelled.map(\.node.label))
            for provisioned in leftover.unlabelled { try await deliver(provisioned, provisioned.node.connection) }
            await withTaskGroup(of: Void.self) { group in await takeNodes(&group) }
            try await flush()
        } catch { fault = fault ?? error }
        emit(.init(.finished))
        if let fault { throw fault }
        if let firstFailure { throw summary(firstFailure) }
        if !plan.watches, counts.done < plan.count ?? 1 {
            throw Failure(
                .unreachable,
                counts.done == 0 ? "no node was found" : "\(counts.done) nodes were found, not \(plan.count ?? 1)",
                remedy: .either([.advice("Connect them"), .watch]))
        }
        return counts
    }

    private func summary(_ first: Failure) -> Failure {
        let total = counts.done + counts.failed
        if total == 1 { return first }
        return Failure(
            first.kind,
            "\(counts.failed) of \(total) nodes \(counts.failed == 1 ? "was" : "were") not provisioned; the first: \(first.what)",
            remedy: first.remedy)
    }

    private func takeNodes(_ group: inout TaskGroup<Void>) async {
        while true {
            if !isStopping, fault == nil {
                do {
                    let here = try connected()
                    present.formIntersection(here)
                    for locator in here where !present.contains(locator) && isWanted {
                        present.insert(locator)
                        if renamed.remove(locator) != nil { continue }
                        counts.underWay += 1
                        group.addTask { await self.handle(locator) }
                    }
                } catch { fault = error }
            }
            if counts.underWay == 0, !plan.watches || isStopping || fault != nil || !isWanted { return }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    /// True while another node may be taken without exceeding the count.
    private var isWanted: Bool { plan.count.map { counts.done + counts.waiting + counts.underWay < $0 } ?? true }

    private func connected() throws -> [NodeLocator] {
        guard !plan.nodes.isEmpty else { return try finder.candidates().map(\.locator) }
        let candidates = Set(try finder.candidates().map(\.locator))
        return plan.nodes.filter { locator in
            switch locator {
            case .serial(let path): FileManager.default.fileExists(atPath: path)
            case .coap: true
            // One that is named and not there is an error unless nodes are waited for.
            case .emulated, .usb: !plan.watches || candidates.contains(locator)
            }
        }
    }

    private func handle(_ locator: NodeLocator) async {
        let name = locator.description
        emit(.init(.started, name))
        do {
            let provisioned = try await provision(locator)
            if case .usb = locator { renamed.insert(.usb(serialNumber: provisioned.record.address.description)) }
            try await deliver(provisioned, name)
        } catch let already as AlreadyProvisioned where recovered.contains(already.record.label) {
            emit(.init(.skipped, name, message: "was completed in this run: \(already.record.label)"))
        } catch let already as AlreadyProvisioned
            where plan.watches && already.record.station == station.name && (already.record.time ?? .distantFuture) < began
        {
            // A line that was begun again finds what it has made before.
            emit(.init(.skipped, name, message: "is done already: \(already.record.label)"))
        } catch { fail(name, error) }
        // Only now, so that the line does not end before the label is out.
        counts.underWay -= 1
    }

    private func provision(_ locator: NodeLocator) async throws -> Provisioned {
        let name = locator.description
        let link: any CoAPLink
        do { link = try await finder.connect(locator) } catch { throw ConnectionFailure(error) }
        let client = CoAPClient(link, name: name, timing: .init(total: .seconds(plan.timeout)))
        let onEvent = onEvent
        do {
            let output = labels.capacity == 1 ? labels : nil
            let provisioned = try await station.provision(client, options: plan.options, labels: output) {
                onEvent(LineEvent(.progress, name, message: $0))
            }
            await client.close()
            return provisioned
        } catch {
            await client.close()
            throw error
        }
    }

    /// A label goes out, at once or when its sheet is full.
    private func deliver(_ provisioned: Provisioned, _ connection: String) async throws {
        // One that waits since the last run may be connected once more.
        if !waiting.contains(where: { $0.node.label == provisioned.node.label }) { waiting.append(provisioned) }
        counts.waiting = waiting.count
        if waiting.count >= labels.capacity { return try await flush() }
        var event = LineEvent(.waiting, connection, message: "waits for its sheet of labels")
        event.node = provisioned.node.label
        emit(event)
    }

    private func flush() async throws {
        let batch = waiting
        waiting = []
        guard !batch.isEmpty else { return }
        defer { counts.waiting = waiting.count }
        if batch.count == 1, let label = batch[0].preparedLabel {
            try label.write()
        } else {
            try labels.write(batch.map { ProvisionedLabel($0) })
        }
        for provisioned in batch {
            do { try await finish(provisioned) } catch let failure as Failure where failure.kind != .environment {
                // The others' labels are out all the same.
                fail(provisioned.node.connection, failure)
            }
        }
    }

    private func finish(_ provisioned: Provisioned) async throws {
        let record = try await station.commit(provisioned, escrow: plan.escrow)
        counts.done += 1
        counts.waiting = max(0, counts.waiting - 1)
        var event = LineEvent(.done, record.connection)
        event.record = record.provisioned
        event.node = record.label
        event.isResumed = provisioned.isResumed
        event.seconds = provisioned.elapsed.seconds
        event.nodeSeconds = provisioned.nodeTime.seconds
        emit(event)
        // While the next one is plugged in.
        try await station.forget(record)
    }

    private func fail(_ name: String, _ error: any Error) {
        let failure: Failure
        switch (error as? any Reportable)?.failure ?? (error as? ConnectionFailure)?.reason ?? error {
        case let known as Failure: failure = known
        case let refusal as Refusal:
            failure = Failure(.malformedAnswer, "\(name) refused (\(refusal.reason))", about: "\(name)", remedy: refusal.remedy)
        default: failure = Failure(.environment, "\(name): \(error)", advice: "Try again")
        }
        counts.failed += 1
        if firstFailure == nil { firstFailure = failure }
        // Not this node's fault, so the next one would meet the same: a disk, a database, a printer. A line that this user may not open
        // is that line's alone.
        if failure.kind == .environment, !(error is ConnectionFailure) { fault = fault ?? failure }
        var event = LineEvent(.failed, name, message: failure.what)
        event.remedy = failure.remedy
        event.reason = failure.kind.rawValue
        emit(event)
    }

    private func emit(_ event: LineEvent) {
        var event = event
        counts.seconds = (ContinuousClock.now - start).seconds
        event.summary = counts
        onEvent(event)
    }
}

/// The way to one node could not be opened.
private struct ConnectionFailure: Error {
    let reason: any Error
    init(_ reason: any Error) { self.reason = reason }
}
