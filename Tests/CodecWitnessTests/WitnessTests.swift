// Has independent Python implementations check our codecs: see Tests/witness/codecs.py.
import Foundation
import Testing

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
private let python = root.appending(path: "build/witness/bin/python")

@Test(
    "cbor2, pycose, aiocoap, sliplib, crcmod and the bech32m reference agree with our codecs, both ways",
    .enabled(if: FileManager.default.isExecutableFile(atPath: python.path), "skipped: run `make witness` first"))
func codecsAgree() throws {
    // The test binary and codec-witness are built into the same folder.
    let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    let process = Process()
    process.executableURL = python
    process.arguments = [
        root.appending(path: "Tests/witness/codecs.py").path, folder.appending(path: "codec-witness").path, "500",
    ]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    #expect(text.hasSuffix("6 passed, 0 failed\n"), "\(text)")
}
