// What a shell completes the values of options to: what is here, found quickly. What cannot be found completes to nothing.
import ArgumentParser
import BoardFacts
import ControlNode
import Emulation
import Foundation
import Keystore
import NodeProtocol
import Transport

enum Completions {
    /// Nodes: names of the book, and places.
    static let nodes = CompletionKind.custom { _, _, _ in nodeWords() }
    /// Devices of the node that `--node` names in the line so far, or of the only one.
    static let devices = CompletionKind.custom { words, _, _ in Waiting.run { await describedDevices(words).map(\.name) } }
    /// Calls of their methods, without what a shell takes for its own.
    static let calls = CompletionKind.custom { words, _, _ in
        Waiting.run {
            await describedDevices(words).flatMap { device in device.methods.map { "\(device.name).\($0.name)" } }
        }
    }
    /// What may be lent: devices, and methods of them.
    static let permissions = CompletionKind.custom { words, _, _ in
        Waiting.run {
            await describedDevices(words).flatMap { device in [device.name] + device.methods.map { "\(device.name):\($0.name)" } }
        }
    }
    static let boards = CompletionKind.custom { _, _, _ in (try? BoardCatalogue().names) ?? [] }
    static let emulated = CompletionKind.custom { _, _, _ in EmulatedBoards().names }
    static let batches = CompletionKind.custom { _, _, _ in
        (try? StationOptions.parse([]).station().recordsToRead().batches().map(\.name)) ?? []
    }
    static let grants = CompletionKind.custom { _, _, _ in
        (try? GrantBook(Home.standard().file("grants.json")).grants().filter { !$0.isRevoked }.map(\.id)) ?? []
    }

    private static func nodeWords() -> [String] {
        let names = (try? NodeBook(Home.standard().nodeBook).nodes().compactMap(\.name)) ?? []
        let places = (try? NodeOptions.finder.candidates().map(\.locator.description)) ?? []
        return names + places
    }

    /// Waits for a node no longer than a person waits for a completion.
    private static func describedDevices(_ words: [String]) async -> [DeviceDescription] {
        let flag = words.firstIndex { $0 == "--node" || $0 == "-n" }
        let named = flag.flatMap { $0 + 1 < words.count ? try? NodeName(parsing: words[$0 + 1]) : nil }
        guard let place = try? await NodePlace.find(named), let link = try? await NodeOptions.finder.connect(place.locator) else {
            return []
        }
        let client = CoAPClient(link, name: place.locator.description, timing: .init(total: .seconds(2)))
        let found = try? await NodeProbe(client).devices()
        await client.close()
        return found ?? []
    }
}

/// Waits for asynchronous work where the parser asks for a result at once.
private enum Waiting {
    private final class Box<R: Sendable>: @unchecked Sendable { var value: R? }

    static func run<R: Sendable>(_ body: @escaping @Sendable () async -> R) -> R {
        let (done, box) = (DispatchSemaphore(value: 0), Box<R>())
        Task.detached {
            box.value = await body()
            done.signal()
        }
        done.wait()
        guard let value = box.value else { preconditionFailure("the task has set it before it signalled") }
        return value
    }
}
