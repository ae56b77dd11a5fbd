// lightnode grants: what this control node has lent.
import ArgumentParser
import ControlNode

struct Grants: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "List the grants that this control node has given.",
        discussion: """
            EXAMPLE:
              lightnode grants --json

            It needs no device. How often a grant was used, the device's history tells.
            """)

    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func run() throws {
        output.show(list: try key.controller().grants.grants(), empty: "no grant was given")
    }
}
