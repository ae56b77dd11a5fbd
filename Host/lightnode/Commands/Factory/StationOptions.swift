// Options of the factory's subcommands: which station, which records.
import ArgumentParser
import Foundation
import Keystore
import Provisioning
import Records
import Reporting

struct StationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the records are: a SQLite file, or postgres://user@host/database for several stations. $LIGHTNODE_HOME/factory.sqlite if not given; $LIGHTNODE_DATABASE sets another.",
            valueName: "file|url"))
    var database: String?

    @Option(help: "The station's name in the records; the computer's if not given.")
    var station: String?

    @Option(name: .customLong("operator"), help: "Who works at the station; the user's name if not given.")
    var operatorName: String?

    @Flag(
        help:
            "Record although this computer's clock is far ahead of the program's age, or before or far beyond the station's newest record."
    )
    var trustClock = false

    func station(network: UInt32 = 1) throws -> Station {
        let named = database ?? ProcessInfo.processInfo.environment["LIGHTNODE_DATABASE"].flatMap { $0.isEmpty ? nil : $0 }
        return Station(
            home: try .standard(), network: network, name: station, operator: operatorName, database: named,
            limits: ClockLimits(trusts: trustClock))
    }
}
