// lightnode grants: what this control node has lent.
import ArgumentParser

struct Grants: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "List the grants that this control node has given.",
        discussion: """
            EXAMPLE:
              lightnode grants --json

            It needs no node. How often a grant was used, the node's history tells.
            """)

    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func run() throws {
        output.show(list: try key.controller().grants.grants(), empty: "no grant was given")
    }
}
