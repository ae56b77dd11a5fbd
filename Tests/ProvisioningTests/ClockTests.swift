import Foundation
import HostedNode
import Keystore
import Provisioning
import Reporting
import Testing

@Suite("A station's clock", .serialized) struct ClockTests {
    private static let decade: TimeInterval = 315_360_000

    private func provision(_ folder: TemporaryHome, ahead: TimeInterval, trusts: Bool = false) async throws {
        let station = Station(home: try folder.home, limits: ClockLimits(trusts: trusts), now: { Date() + ahead })
        let provisioned = try await station.provision(quickClient(HostedNode(serial: .random(in: 1 ... .max))))
        try await station.finish(provisioned)
    }

    @Test("A clock ten years ahead provisions nothing without a word of the user's; a node made so stops no station")
    func ahead() async throws {
        let folder = TemporaryHome()
        await #expect { try await provision(folder, ahead: Self.decade) } throws: {
            ($0 as? Failure)?.remedy == .either([.advice("Set this computer's clock"), .trustClock])
        }
        try await provision(folder, ahead: Self.decade, trusts: true)
        try await provision(folder, ahead: 0)
    }

    @Test("One node that was given a time of next year, or of any year, stops no station")
    func oneNode() async throws {
        for ahead in [86_400, 365 * 86_400, 4 * 365 * 86_400] as [TimeInterval] {
            let folder = TemporaryHome()
            try await provision(folder, ahead: 0)
            try await provision(folder, ahead: ahead, trusts: true)
            try await provision(folder, ahead: 1)
            try await provision(folder, ahead: 2)
        }
    }

    @Test("Records of tomorrow, which a right clock can have shown, are waited for, unless the user says otherwise")
    func tomorrow() async throws {
        let folder = TemporaryHome()
        try await provision(folder, ahead: 86_400)
        try await provision(folder, ahead: 86_401)
        await #expect { try await provision(folder, ahead: 0) } throws: { "\($0)".contains("newest records") }
        try await provision(folder, ahead: 0, trusts: true)
    }
}
