// What something on the way to a node says in its place: a gateway that has no turn for it now, or does not reach it (RFC 7252, 5.5.2).
import CoAP
import Foundation
import NodeProtocol
import Reporting
import Transport

/// An answer that asks to be patient: 4.29 (RFC 8516) or 5.03. Nothing was passed on.
struct Busy: Error, Reportable {
    let name: String
    /// What it says of itself.
    let text: String
    /// How long it wants to be left alone.
    let wait: Duration

    var failure: Failure {
        Failure(
            .unreachable, "\(name) is to be asked again in \(wait.components.seconds) s\(text.isEmpty ? "" : ": “\(text)”")",
            about: name,
            remedy: .waitLonger)
    }

    /// Max-Age where none is given (RFC 7252, section 5.10.5).
    private static let standardAge: UInt32 = 60

    /// What an answer without success stands for; nil when it is none that a node or anything on the way gives.
    static func reason(of response: Response, from name: String) -> (any Error)? {
        if let refusal = Refusal(problemDetails: response.payload) {
            // A gateway gives the reason that a node gives, and says for how long; a node does not.
            guard refusal.known == .tooManyAttempts, response.maxAge != Self.standardAge else { return refusal }
            return Busy(name: name, text: refusal.detail, wait: .seconds(max(1, Int64(response.maxAge))))
        }
        // What a node has signed has a format of its own.
        guard response.contentFormat == nil || response.contentFormat == CoAPContentFormat.text else { return nil }
        let text = Quoted.line(String(decoding: response.payload.prefix(200), as: UTF8.self))
        switch response.code {
        case CoAPCode.tooManyRequests.rawValue, CoAPCode.serviceUnavailable.rawValue:
            return Busy(name: name, text: text, wait: .seconds(max(1, Int64(response.maxAge))))
        case CoAPCode(5, 2).rawValue, CoAPCode(5, 4).rawValue, CoAPCode.notFound.rawValue:
            guard response.code != CoAPCode.notFound.rawValue || !text.isEmpty else { return nil }
            return Failure(
                .unreachable,
                "\(name) is not reached: the gateway answers \(response.codeText)\(text.isEmpty ? "" : ", “\(text)”")",
                about: name,
                remedy: .inOrder([.advice("Check that the node is on, and connected to the gateway"), .listNodes]))
        default: return nil
        }
    }
}
