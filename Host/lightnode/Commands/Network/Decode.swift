// lightnode decode: what is in an answer that another CoAP client has fetched.
import ArgumentParser
import Foundation
import NodeProtocol
import Reporting

struct Decode: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Show what is in CBOR, such as an answer that another CoAP client has fetched.",
        discussion: """
            EXAMPLE:
              coap-client-notls -m get coap://127.0.0.1/porch/status | lightnode decode
              coap-client-notls -m get coap://127.0.0.1/porch/devices | lightnode decode
              lightnode decode receipts.cborseq
              lightnode decode --hex a10001

            In the diagnostic notation of RFC 8949, section 8; a status and a list of devices are told in words below it. What is inside a signed
            message is shown, and no signature is checked. On Debian coap-client is called coap-client-notls, -gnutls or -openssl (libcoap3-bin).
            """)

    @Argument(help: "The file; standard input if not given, or “-”.", completion: .file())
    var file = "-"

    @Option(help: "The bytes themselves, as hexadecimal digits.")
    var hex: String?

    @OptionGroup var output: Output

    func run() throws {
        let items = try CBORText.sequence(try bytes())
        output.show(list: items, empty: "there is nothing to decode")
    }

    /// More is no answer of a node, and not read into memory.
    private static let atMost = 16 << 20

    private func bytes() throws -> [UInt8] {
        if let hex {
            guard let bytes = [UInt8](hex: hex.filter { !$0.isWhitespace }) else {
                throw ValidationError("--hex takes an even number of hexadecimal digits.")
            }
            return bytes
        }
        let handle: FileHandle
        if file == "-" {
            handle = .standardInput
        } else {
            guard let opened = FileHandle(forReadingAtPath: file) else {
                throw Failure(
                    .environment, "\(file) could not be read", about: file, advice: "Check its name and its permissions")
            }
            handle = opened
        }
        let data = (try? handle.read(upToCount: Self.atMost + 1)) ?? Data()
        guard data.count <= Self.atMost else {
            throw Failure(
                .usage, "more than \(Self.atMost >> 20) MB are no answer of a node", about: file, advice: "Give a smaller file")
        }
        return Array(data)
    }
}
