// The real image on QEMU's micro:bit, whose power fails right after a chosen operation of its flash.
import CoAP
import Emulation
import Foundation
import Image
import Reporting
import SimulatedNOR
import Transport

/// Where the power failed, and what was in the flash then.
struct Cut {
    /// The whole flash, as its file keeps it.
    var flash: Data
    /// The same before the last operation of the store.
    var earlier: Data
    /// Instructions since power on.
    var instruction: UInt64
    /// Operations of the store since power on: words programmed and pages erased.
    var operations: Int
    /// The node's answer had arrived: it is done, whatever happens afterwards.
    var isAnswered: Bool

    static let store = 0x3C000..<0x40000
    static let page = 1024

    /// As if the power had failed during the last operation rather than after it: some bits of the word are programmed and others not, and
    /// an erased page holds any mixture.
    func torn(seed: UInt64) -> Data {
        var random = Random(seed: seed)
        var torn = flash
        for at in Self.store where flash[at] != earlier[at] {
            let noise = UInt8(truncatingIfNeeded: random.next())
            let isErased = earlier[at] & flash[at] == earlier[at]
            torn[at] = isErased ? earlier[at] | noise : earlier[at] & (flash[at] | noise)
        }
        return torn
    }
}

/// Runs the image from power on to a chosen operation of its store.
struct CutBoard {
    let image: CheckedImage
    let folder: URL

    private static let erasePage: UInt64 = 0x4001_E508  // NVMC ERASEPAGE (nRF51 Series Reference Manual v3.0, section 6)
    private static let step: UInt64 = 100_000

    /// A whole flash with these contents of the store.
    static func flash(store: Data) -> Data {
        var flash = Data(repeating: 0xFF, count: 256 * 1024)
        flash.replaceSubrange(Cut.store, with: store)
        return flash
    }

    /// Powers on with `flash`, sends `posting` when the node has said its line, and cuts the power right after the store's operation number
    /// `operation`, counted from 1; when there are not so many, once the answer is there (the line, if nothing was sent).
    func run(_ flash: Data, posting: Posting?, cutAfter operation: Int = .max) throws -> Cut {
        let file = folder.appendingPathComponent("cut-\(UInt32.random(in: 0 ... .max))")
        try flash.write(to: file)
        defer { for name in [file.path, file.path + ".lock"] { unlink(name) } }
        var configuration = EmulatedBoard.Configuration(image: image, flashFile: file)
        configuration.clock = .instructions(shift: 0)
        configuration.countsInstructions = true
        configuration.seed = 1
        configuration.watchedStores = [
            UInt64(Cut.store.lowerBound)..<UInt64(Cut.store.upperBound), Self.erasePage..<Self.erasePage + 4,
        ]
        let emulated = try EmulatedBoard(configuration)
        defer { emulated.close() }
        try emulated.start(paused: true)
        let wire = try emulated.connectUART()
        try emulated.resume()

        var cut = Cut(flash: flash, earlier: flash, instruction: 0, operations: 0, isAnswered: false)
        var frames = SlipmuxFrames()
        var hasSent = false, quietSteps = 0
        while quietSteps < 30 {
            guard let stop = try emulated.run(toStoreOrInstruction: cut.instruction + Self.step), stop.instruction < 1_000_000_000
            else {
                throw Failure(
                    .environment, "the node did not answer within 1,000 million instructions",
                    advice: "Measure again; when it stays so, look at what changed")
            }
            cut.instruction = stop.instruction
            if stop.isAfterStore {
                cut.operations += 1
                if cut.operations == operation - 1 { cut.earlier = try emulated.flashContents() }
                if cut.operations >= operation { break }
            }
            for frame in frames.push([UInt8](try wire.receive(timeout: 0))) {
                switch frame {
                case .log: if !hasSent, let posting { try wire.send(Data(SlipmuxFrames.coap(try posting.encoded()))) }
                case .coap: cut.isAnswered = true
                }
                hasSent = true
            }
            // What the node does when it has nothing to do belongs to it, too.
            if cut.isAnswered || (posting == nil && hasSent) { quietSteps += 1 }
        }
        try emulated.cutPower()
        cut.flash = try emulated.flash.contents()
        return cut
    }
}

extension Posting {
    /// The confirmable request, as it goes into one frame.
    fileprivate func encoded() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: body.count + 64)
        var writer = CoAPWriter(buffer.mutableSpan, type: .confirmable, code: .post, id: 1, token: CoAPToken(1, count: 4))
        let segment = Array(path.utf8)
        writer.option(CoAPOptionNumber.uriPath, segment.span.bytes)
        writer.contentFormat(format)
        writer.payload(body.span.bytes)
        let count = try writer.finish()
        return Array(buffer.prefix(count))
    }
}
