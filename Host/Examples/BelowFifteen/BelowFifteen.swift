// An automation in ordinary Swift: turns a relay off when it gets colder than 15 °C.
//
//     below-fifteen coap://127.0.0.1/room
//
// It runs with the keys of this user's control node, on any computer that reaches the node: here through a gateway.
import ControlNode
import Foundation
import Transport

@main
struct BelowFifteen {
    static func main() async {
        guard CommandLine.arguments.count == 2 else {
            print("usage: below-fifteen coap://HOST/NAME")
            exit(64)
        }
        do { try await watch(CommandLine.arguments[1]) } catch {
            print("error: \(error)")
            exit(1)
        }
    }

    static func watch(_ url: String) async throws {
        let client = CoAPClient(try UDPLink(url: url), name: url)
        let node = RemoteNode(client, controller: try Controller(try .standard()) { nil })

        var isCold = false
        for try await temperature in try await node.`$`("thermometer").states() {
            guard case .int(let millidegrees)? = temperature else { continue }
            if millidegrees < 15_000, !isCold { print(try await node.`$`("relay").off()) }
            isCold = millidegrees < 15_000
        }
    }
}
