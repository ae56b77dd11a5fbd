// Replays what fuzzing has found worth keeping: every file of the corpus, and every file cut short and with one bit changed.
import Foundation
import FuzzProperties
import HostFuzzProperties
import Testing

private let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
    path: "Fuzz/Corpus")

@Test(
    "Every input of the corpus, each prefix of it and each single bit changed holds the decoder's property",
    arguments: FuzzProperty.all + hostProperties)
func replay(property: FuzzProperty) async throws {
    let folder = corpus.appending(path: property.name)
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    #expect(files.count >= 10, "the corpus of \(property.name) is missing; see Tests/Fuzz/README.md")
    // Counted by Tools/test.
    print("corpus of \(property.name): \(files.count) records")
    // A thread of its own: some properties wait for what other tasks do.
    try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
        let thread = Thread { done.resume(with: Result { try replay(files, property) }) }
        thread.stackSize = 8 << 20
        thread.start()
    }
}

private func replay(_ files: [URL], _ property: FuzzProperty) throws {
    for file in files {
        let input = [UInt8](try Data(contentsOf: file))
        try property.check(input)
        if property.isSlow {
            // A sample: one bit changed in every sixteenth byte.
            for index in stride(from: 0, to: input.count, by: 16) {
                var changed = input
                changed[index] ^= 1 << UInt8(index / 16 % 8)
                try property.check(changed)
            }
            continue
        }
        guard input.count <= 512 else { continue }
        for index in input.indices {
            try property.check(Array(input.prefix(index)))
            for bit in 0..<8 {
                var changed = input
                changed[index] ^= 1 << UInt8(bit)
                try property.check(changed)
            }
        }
    }
}
