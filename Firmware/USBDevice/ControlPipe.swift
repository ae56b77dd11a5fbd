// Control transfers on endpoint 0: setup, data, status (USB 2.0, 8.5.3 and 9.3).

import HAL

extension USBDevice where Controller: ~Copyable, Functions: ~Copyable {
    /// A new request ends whatever was under way (8.5.3.4).
    @inline(never)
    mutating func begin(_ setup: USBSetup) {
        self.setup = setup
        answer.removeAll()
        let bringsData = setup.requestType & RequestType.toHost == 0 && setup.length > 0
        let isStandard = setup.requestType & RequestType.kindMask == 0
        let isAccepted =
            !bringsData
            && (isStandard
                ? standard(setup)
                : state != .default && state != .powered
                    && functions.handle(setup, isConfigured: state == .configured, to: &answer))
        if !isAccepted { return refuse() }
        if setup.length == 0 {
            stage = .statusIn
            sendPacket(count: 0)
        } else {
            // A short or empty packet tells the host that there is no more (5.5.3).
            needsEmptyPacket = answer.count < Int(setup.length) && answer.count % Int(Controller.controlPacketSize) == 0
            answer.truncate(to: Int(setup.length))
            answered = 0
            stage = .dataIn
            controller.accept(0)
            sendNext()
        }
    }

    /// A request error (9.2.7): STALL in data and status stage.
    private mutating func refuse() {
        stage = .idle
        controller.stall(0)
    }

    private mutating func sendNext() {
        if answered < answer.count {
            let count = answer.part(from: answered, atMost: Int(Controller.controlPacketSize), into: &packet)
            answered &+= count
            sendPacket(count: count)
        } else if needsEmptyPacket {
            needsEmptyPacket = false
            sendPacket(count: 0)
        } else {
            stage = .statusOut
        }
    }

    @inline(never)
    private mutating func sendPacket(count: Int) {
        controller.send(0x80, packet.span.bytes.extracting(0..<count))
    }

    @inline(never)
    mutating func controlPacketSent() {
        switch stage {
        case .dataIn: sendNext()
        case .statusIn:
            stage = .idle
            finish()
        case .idle, .statusOut: break
        }
    }

    /// The host's side of the status stage; it may come before all data were fetched.
    @inline(never)
    mutating func statusReceived() {
        var nothing = MutableRawSpan()
        _ = controller.read(0, into: &nothing)
        guard stage == .dataIn || stage == .statusOut else { return }
        stage = .idle
        finish()
    }

    private mutating func finish() {
        if setup.requestType & RequestType.kindMask != 0 {
            functions.finish(setup)
        } else if setup.request == StandardRequest.setAddress.rawValue, setup.requestType == 0 {
            state = setup.value == 0 ? .default : .address
        }
    }
}
