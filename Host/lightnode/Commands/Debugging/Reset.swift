// lightnode reset: a chip's reset, from outside.
import ArgumentParser
import Emulation
import Flashing
import Reporting

struct Reset: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Reset a board's chip, emulated or behind a debug probe. Its flash stays.",
        discussion: """
            EXAMPLE:
              lightnode reset --node emulated:kitchen
              lightnode reset --board blackpill-f411
            """)

    @OptionGroup var place: DebugTargetOptions
    @OptionGroup var output: Output

    func run() throws {
        switch try place.target() {
        case .emulated(let name):
            _ = try EmulatedBoards().request(name, .reset)
            output.show(Emulate.Done(name: name, did: ResetDeed.did))
        case .probe(let way, let board, let probe):
            let interruption = Interruption()
            defer { interruption.end() }
            try Steps.during("resetting the \(board.name)") {
                try way.reset(board, probe, cancellation: interruption.cancellation)
            }
            output.show(Emulate.Done(name: probe.serial, did: ResetDeed.did))
        }
    }
}
