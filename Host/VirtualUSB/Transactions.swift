// Transactions of the virtual host controller: tokens, data packets and handshakes, checked as a device may not expect
// (USB 2.0, sections 8.5 and 8.6).

/// What a transaction came to, as the host sees it.
private enum Outcome {
    case data(toggle: UInt8, [UInt8], acknowledge: Bool)
    case ack, nak, stall
    /// No answer, or one that was lost on its way.
    case nothing(wasLost: Bool)
    case babble
    /// The cable was pulled meanwhile.
    case gone
    /// NAK by a fault: the device knows nothing of it and will not say when it is ready.
    case again
}

private enum Token {
    case setup([UInt8])
    case out(toggle: UInt8, [UInt8])
    case `in`
}

extension VirtualHostController {
    /// Does one transaction of `transfer`; its status when it has ended. Runs on the bus's thread.
    func step(_ transfer: Transfer) -> TransferStatus? {
        guard let pipe = pipes[transfer.endpoint] else { return .invalid }
        condition.withLock { _ = ready.remove(transfer.endpoint) }
        switch transfer.stage {
        case .setup: return setupStage(transfer)
        case .dataIn: return receive(transfer, pipe, isControl: true)
        case .dataOut, .bulkOut: return send(transfer, pipe)
        case .statusIn: return statusIn(transfer)
        case .statusOut: return statusOut(transfer)
        case .bulkIn: return receive(transfer, pipe, isControl: false)
        }
    }

    // MARK: Stages

    private func setupStage(_ transfer: Transfer) -> TransferStatus? {
        guard let setup = transfer.setup else { return .invalid }
        let outcome = transact(.setup(setup.bytes), transfer)
        guard case .ack = outcome else {
            if case .nothing = outcome { return silence(transfer, outcome) }
            if case .gone = outcome { return .ioError }
            if case .again = outcome { return nil }
            complain("answered SETUP with \(outcome): only ACK is allowed (8.5.3)", endpoint: 0)
            return .ioError
        }
        transfer.silences = 0
        transfer.toggle = 1
        pipes[0]?.repetition = nil
        transfer.stage = setup.length == 0 ? .statusIn : setup.isDeviceToHost ? .dataIn : .dataOut
        return nil
    }

    private func receive(_ transfer: Transfer, _ pipe: BusPipe, isControl: Bool) -> TransferStatus? {
        let outcome = transact(.in, transfer)
        guard case .data(let toggle, let data, let acknowledge) = outcome else { return other(outcome, transfer) }
        transfer.silences = 0
        let direction = isControl ? 0x80 : transfer.endpoint
        guard data.count <= pipe.maxPacketSize else {
            complain("sent a packet of \(data.count) bytes, \(pipe.maxPacketSize) at most (8.4.4)", endpoint: direction)
            return .babble
        }
        if let repetition = pipe.repetition {
            pipes[transfer.endpoint]?.repetition = nil
            if toggle != repetition.toggle || data != repetition.data {
                complain(
                    "went on although the host's handshake was lost: the same packet had to come again (8.6.4)",
                    endpoint: direction)
                return .ioError
            }
            device.handleAck(endpoint: direction)
            return nil
        }
        let expected = isControl ? transfer.toggle : pipe.toggle
        guard toggle == expected else {
            complain("sent DATA\(toggle), DATA\(expected) was due (8.6)", endpoint: direction)
            return .ioError
        }
        if isControl { transfer.toggle ^= 1 } else { pipes[transfer.endpoint]?.toggle ^= 1 }
        if acknowledge {
            device.handleAck(endpoint: direction)
        } else {
            pipes[transfer.endpoint]?.repetition = (toggle, data)
        }
        transfer.incoming += data
        guard transfer.incoming.count <= transfer.wanted else {
            // A host asks for a multiple of the packet size, or knows what comes: more is babble.
            if isControl {
                complain("sent \(transfer.incoming.count) bytes, wLength is \(transfer.wanted) (8.5.3.1)", endpoint: direction)
            }
            transfer.incoming.removeLast(transfer.incoming.count - transfer.wanted)
            return .babble
        }
        guard transfer.incoming.count == transfer.wanted || data.count < pipe.maxPacketSize else { return nil }
        if !isControl { return .success }
        transfer.stage = .statusOut
        return nil
    }

    private func send(_ transfer: Transfer, _ pipe: BusPipe) -> TransferStatus? {
        let isControl = transfer.stage == .dataOut
        let rest = transfer.outgoing[transfer.sent...]
        let packet = Array(rest.prefix(pipe.maxPacketSize))
        let outcome = transact(.out(toggle: isControl ? transfer.toggle : pipe.toggle, packet), transfer)
        guard case .ack = outcome else { return other(outcome, transfer) }
        transfer.silences = 0
        if isControl { transfer.toggle ^= 1 } else { pipes[transfer.endpoint]?.toggle ^= 1 }
        transfer.sent += packet.count
        guard transfer.sent == transfer.outgoing.count else { return nil }
        if !isControl { return .success }
        transfer.stage = .statusIn
        return nil
    }

    private func statusIn(_ transfer: Transfer) -> TransferStatus? {
        let outcome = transact(.in, transfer)
        guard case .data(let toggle, let data, let acknowledge) = outcome else { return other(outcome, transfer) }
        guard data.isEmpty else {
            complain("sent \(data.count) bytes in the status stage: it is a zero-length packet (8.5.3.1)", endpoint: 0x80)
            return .ioError
        }
        guard toggle == 1 else {
            complain("sent DATA0 in the status stage: it is DATA1 (8.5.3)", endpoint: 0x80)
            return .ioError
        }
        if acknowledge { device.handleAck(endpoint: 0x80) }
        return .success
    }

    private func statusOut(_ transfer: Transfer) -> TransferStatus? {
        // If the handshake of the last data packet was lost, this token tells the device that it arrived (8.5.3.3).
        pipes[0]?.repetition = nil
        let outcome = transact(.out(toggle: 1, []), transfer)
        guard case .ack = outcome else { return other(outcome, transfer) }
        return .success
    }

    // MARK: Answers

    private func other(_ outcome: Outcome, _ transfer: Transfer) -> TransferStatus? {
        switch outcome {
        case .nak:
            transfer.silences = 0
            condition.withLock {
                // Ready since the token: go on at once.
                if !ready.contains(transfer.endpoint) { parked.insert(transfer.endpoint) }
            }
            return nil
        case .stall: return .stall
        case .babble: return .babble
        case .gone: return .ioError
        case .again: return nil
        case .nothing: return silence(transfer, outcome)
        case .ack, .data:
            complain("answered \(transfer.stage) with \(outcome) (8.4.5)", endpoint: transfer.endpoint)
            return .ioError
        }
    }

    /// A host tries three times (USB 2.0, section 10.2.6).
    private func silence(_ transfer: Transfer, _ outcome: Outcome) -> TransferStatus? {
        transfer.silences += 1
        if transfer.silences < 3 { return nil }
        let isOn = condition.withLock {
            isPlugged && isPullUpOn && !commands.contains { if case .connectionChanged = $0 { true } else { false } }
        }
        if isOn { complain("gave no answer, three times (8.4.6)", endpoint: transfer.endpoint) }
        return .ioError
    }

    // MARK: On the wire

    private func transact(_ token: Token, _ transfer: Transfer) -> Outcome {
        let kind = strike(token, transfer)
        transfer.hasBegun = true
        switch kind {
        case .unplug(deviceSawPacket: false):
            pull()
            return .gone
        case .stall: return .stall
        case .nak: return .again
        default: break
        }
        let endpoint = transfer.setup == nil ? transfer.endpoint : 0
        let answer =
            switch token {
            case .setup(let bytes): device.handleSetup(bytes)
            case .out(let toggle, let data): device.handleOut(endpoint: endpoint, toggle: toggle, data: data)
            case .in: device.handleIn(endpoint: endpoint | 0x80)
            }
        let answered = answer == .ack || { if case .data = answer { true } else { false } }()
        switch kind {
        case .unplug:
            pull()
            return .gone
        case .babble where answered:
            spend(.babble)
            return .babble
        case .lostHandshake where answered:
            spend(.lostHandshake)
            if case .data(let toggle, let data) = answer { return .data(toggle: toggle, data, acknowledge: false) }
            return .nothing(wasLost: true)
        default: break
        }
        return switch answer {
        case .data(let toggle, let data): .data(toggle: toggle, data, acknowledge: true)
        case .ack: .ack
        case .nak: .nak
        case .stall: .stall
        case .silence: .nothing(wasLost: false)
        }
    }

    /// Counts the transaction; the fault that strikes it, if any.
    private func strike(_ token: Token, _ transfer: Transfer) -> BusFault.Kind? {
        condition.withLock {
            transactionCount += 1
            let isControl = transfer.setup != nil
            var endpoint = transfer.endpoint
            if isControl, case .in = token { endpoint = 0x80 }
            var struck: Int?
            for index in armed.indices
            where armed[index].counts(endpoint: endpoint, isFirstOfTransfer: !transfer.hasBegun) && struck == nil
                && fits(armed[index].fault.kind, token)
            {
                struck = index
            }
            guard let struck else { return nil }
            let kind = armed[struck].fault.kind
            switch kind {
            case .unplug, .stall: armed.remove(at: struck)
            case .nak(let times):
                if times > 1 { armed[struck].fault.kind = .nak(times: times - 1) } else { armed.remove(at: struck) }
            case .babble, .lostHandshake: break  // spent when the device answers
            }
            return kind
        }
    }

    private func fits(_ kind: BusFault.Kind, _ token: Token) -> Bool {
        switch (kind, token) {
        case (.stall, .setup), (.nak, .setup): false
        case (.babble, .setup), (.babble, .out): false
        default: true
        }
    }

    private func spend(_ kind: BusFault.Kind) {
        condition.withLock {
            if let index = armed.firstIndex(where: { $0.fault.kind == kind }) { armed.remove(at: index) }
        }
    }
}
