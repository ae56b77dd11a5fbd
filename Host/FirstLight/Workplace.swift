// A temporary folder and the board in it, gone when the program ends, however it is asked to end.
import Foundation
import NodeEmulation
import Reporting

/// Holds everything that must not be left behind.
final class Workplace: @unchecked Sendable {
    let folder: URL
    private let lock = NSLock()
    private var node: EmulatedNode?
    private var interrupted = false
    private var signals: [any DispatchSourceSignal] = []

    /// Makes the folder and takes over SIGINT, SIGTERM and SIGHUP.
    init() throws {
        var template = Array((FileManager.default.temporaryDirectory.path + "/first-light-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Failure(
                .environment, "no temporary folder could be made: \(String(cString: strerror(errno)))",
                advice: "Set TMPDIR to a folder with some space")
        }
        folder = URL(fileURLWithPath: String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self))
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [self] in
                lock.withLock { interrupted = true }
                clear()
                // The walk may have been about to write a file.
                usleep(50_000)
                clear()
                StandardError.write("\ninterrupted; the board is off and its files are gone\n")
                _exit(128 + number)
            }
            source.resume()
            signals.append(source)
        }
    }

    /// The board to turn off at the end.
    func keep(_ node: EmulatedNode) { lock.withLock { self.node = node } }

    /// Leaves the last word to the handler of a signal that has come: what fails then, fails because of it.
    func yieldToInterruption() { if lock.withLock({ interrupted }) { sleep(5) } }

    /// Turns the board off and removes the folder.
    func clear() {
        lock.withLock {
            node?.emulated.close()
            node = nil
        }
        try? FileManager.default.removeItem(at: folder)
    }
}
