// How long a command is on the wire: what radio links and small buffers must be planned for.

import CoAP
import Testing

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Frames") struct FrameTests {
    private func frame(_ message: SignedMessage, _ stage: Stage) throws -> Int {
        // As a client sends it: a token of four bytes would be two more than here.
        let datagram = stage.request(
            .post, "command", options: [(CoAPOptionNumber.contentFormat, 18)], payload: message.bytes)
        #expect(try stage.send(datagram)?.code == .changed)
        return datagram.count + 2
    }

    private func command(_ text: String, _ stage: Stage, token: [UInt8]? = nil, grant: Grant? = nil, by key: SigningKey) throws
        -> SignedMessage
    {
        .call(
            try Call(parsing: text), to: stage.device, epoch: 1, sequence: stage.heading().sequence, network: Stage.network,
            token: token, grant: grant, key: key)
    }

    // R16
    @Test("A command is at most 200 bytes long, one under a grant at most 400") func lengths() throws {
        let stage = try Stage()
        let token = try stage.token(for: Stage.owner)
        let plain = try frame(command("$('led').on()", stage, by: Stage.owner), stage)
        let fresh = try frame(command("$('led').toggle()", stage, token: token, by: Stage.owner), stage)
        #expect(plain <= 200 && fresh <= 200)

        let guest = Stage.key(9)
        var terms = Grant.Terms(holder: guest.publicKey, scope: [.init("led", "on")])
        terms.uses = 100
        let lent = Grant(
            terms, on: stage.device, epoch: 1, network: Stage.network, owner: Stage.owner)
        let under = try frame(command("$('led').on()", stage, grant: lent, by: guest), stage)
        terms.contract = .init(height: 1_000_000, transaction: [UInt8](repeating: 7, count: 32))
        let rented = Grant(
            terms, on: stage.device, epoch: 1, network: Stage.network, owner: Stage.owner)
        let contract = try frame(command("$('led').on()", stage, grant: rented, by: guest), stage)
        print("frames: command \(plain), with token \(fresh), under a grant \(under), under one with a contract \(contract)")
        #expect(under <= 400 && contract <= 400)
    }

    @Test("A request that is longer than the wire takes is refused at once, by its own id and token, and nothing of it is done")
    func cut() throws {
        let stage = try Stage()
        let command = try command("$('led').on()", stage, by: Stage.owner)
        for type in [CoAPType.confirmable, .nonConfirmable] {
            let whole = stage.request(
                .post, "command", token: 77, type: type, options: [(CoAPOptionNumber.contentFormat, 18)],
                payload: command.bytes + [UInt8](repeating: 0, count: 1000))
            let answer = try #require(try stage.send(Array(whole.prefix(1024)), isCut: true))
            #expect(answer.code == .requestEntityTooLarge && answer.reason == "too-large")
            #expect(type == .nonConfirmable || answer.id == UInt16(whole[2]) << 8 | UInt16(whole[3]))
            #expect(answer.token == Array(whole[4..<6]))
        }
        // The same message with room for it is carried out: nothing of it was done before.
        #expect(try stage.post(command).code == .changed)
        // Cut within its options it is no message: a reset says so; an answer that is too long is none to a server.
        let options = stage.request(.get, String(repeating: "x/", count: 500), token: 1)
        #expect(try stage.send(Array(options.prefix(301)), isCut: true)?.type == .reset)
        #expect(try stage.send([0x52, 0x45, 0, 1, 9, 9, 0xFF] + [UInt8](repeating: 0, count: 1017), isCut: true) == nil)
    }
}
