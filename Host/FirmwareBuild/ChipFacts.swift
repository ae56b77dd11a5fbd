// What a chip's own file says of how a pin is had, for the generated source.
import BoardFacts
import Foundation
import Reporting

/// How a chip's pins are had for more than high and low: Firmware/MCU/<family>.json.
struct ChipFacts: Codable, Sendable {
    /// One way to use a pin. In the texts `{place}` is the pin's number, `{source}` what `sources` says of it.
    struct Use: Codable, Sendable {
        /// Swift type of the value.
        let type: String
        /// Swift expression that needs no code at boot.
        let value: String
        /// Swift expression once the clocks run, when it must be started then.
        let started: String?
        /// Swift statement that prepares the pin.
        let configure: String?
        /// The pin must be an output first.
        let output: Bool?
        /// By pin: what drives or reads it; "*" for any pin. Two devices cannot have one source.
        let sources: [String: String]

        func source(of pin: String) -> String? { sources[pin] ?? sources["*"] }
    }
    let pwm: Use?
    let analog: Use?
    let counter: Use?

    private enum CodingKeys: CodingKey { case pwm, analog, counter }

    /// Of the chip of `board`; a chip without the file has none of these.
    /// - Throws: `Failure` when the file is there and cannot be read.
    init(of board: Board, in catalogue: BoardCatalogue) throws {
        let path = "Firmware/MCU/\(board.mcu).json"
        guard let data = try? Data(contentsOf: catalogue.root.appendingPathComponent(path)) else {
            (pwm, analog, counter) = (nil, nil, nil)
            return
        }
        do { self = try JSONDecoder().decode(ChipFacts.self, from: data) } catch {
            throw Failure(
                .environment, "\(path) cannot be read: \(BoardCatalogue.words(for: error))", about: path,
                advice: "Correct that file")
        }
    }
}
