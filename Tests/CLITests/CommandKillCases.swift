// Every command that signs something or changes what is kept, and how its user goes on after it was killed.
import Foundation
import HostedNode

extension CommandKillTests {
    /// Commands of an emulated board's life are killed by `BoardKillTests`, `provision` by `FactoryTests`; the others ask and print.
    static let cases: [KillPointTests.Case] = KillPointTests.cases + signing + keeping

    private static let toggle = ["send", "$('led').toggle()"]

    private static func acting(
        _ name: String, _ world: HostileStage.World = .owned, input: String = "",
        then: @escaping @Sendable (HostileStage, String) -> [[String]] = { _, _ in [] },
        _ arguments: @escaping @Sendable (HostileStage, String) -> [String]
    ) -> KillPointTests.Case {
        KillPointTests.Case(
            description: name, world: world, input: input, arguments: arguments,
            then: { stage, home in
                let steps = then(stage, home)
                return steps.isEmpty ? [arguments(stage, home), toggle] : steps
            })
    }

    private static let signing: [KillPointTests.Case] = [
        acting("send --state") { _, _ in ["send", "--state", "$('led').on()"] },
        acting("send, fresh") { _, _ in ["send", "$('lock').open(1000)"] },
        acting(
            "send --grant",
            then: { _, home in [["send", "$('led').toggle()", "--grant", home + "/guest.grant", "--key", home + "/guest.key"]] }
        ) { _, home in ["send", "$('led').toggle()", "--grant", home + "/guest.grant", "--key", home + "/guest.key"] },
        acting("console", input: "status\n$('led').toggle()\nhistory\n", then: { _, _ in [toggle] }) { _, _ in ["console"] },
        acting("time") { _, _ in ["time"] },
        acting("revoke") { stage, _ in ["revoke", stage.grant] },
        acting("tick") { stage, _ in ["tick", stage.metered, "1"] },
        acting("reset-button") { _, _ in ["reset-button", "--allow"] },
        acting(
            "grant",
            then: { stage, home in
                [["grant", stage.guest, "--allow", "led", "--uses", "2", "--file", home + "/other.grant"], ["grants"]]
            }
        ) { stage, home in ["grant", stage.guest, "--allow", "led", "--uses", "2", "--file", home + "/new.grant"] },
        acting("transfer --accept", then: { _, home in [["transfer", "--accept", "--key", home + "/guest.key"]] }) { _, home in
            ["transfer", "--accept", "--key", home + "/guest.key"]
        },
        acting(
            "transfer --finish", .sold,
            then: { _, home in
                [["transfer", "--finish", "--key", home + "/guest.key"], toggle + ["--key", home + "/guest.key"]]
            }
        ) { _, home in ["transfer", "--finish", "--key", home + "/guest.key"] },
        acting("attest") { _, _ in ["attest"] },
        acting("history show") { _, _ in ["history"] },
        acting("history export", then: { _, home in [["history", "export", home + "/other.cborseq"]] }) { _, home in
            ["history", "export", home + "/new.cborseq"]
        },
    ]

    private static let keeping: [KillPointTests.Case] = [
        acting(
            "keys new",
            then: { _, home in
                [["keys", "new", "--key", home + "/new.key"], ["keys", "show", "--key", home + "/new.key"]]
            }
        ) { _, home in ["keys", "new", "--key", home + "/new.key"] },
        acting("keys renumber") { _, _ in ["keys", "renumber"] },
        acting(
            "escrow new",
            then: { _, home in [["escrow", "new", home + "/new.escrow"], ["escrow", "new", home + "/other.escrow"]] }
        ) { _, home in ["escrow", "new", home + "/new.escrow"] },
        acting(
            "batch export",
            then: { _, home in
                [["batch", "export", "default", "--out", home + "/other.json"], ["batch", "verify", home + "/other.json"]]
            }
        ) { _, home in ["batch", "export", "default", "--out", home + "/new.json"] },
        acting(
            "batch discard",
            then: { _, _ in
                [["batch", "discard", "default", "1", "--reason", "broken"], ["batch", "show", "default", "1"]]
            }
        ) { _, _ in ["batch", "discard", "default", "1", "--reason", "broken"] },
    ]
}
