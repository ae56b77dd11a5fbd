// A light node's image on an emulated board with a line to it: what first light, the measurements and the end-to-end tests stand on.
import BoardFacts
import ControlNode
import Emulation
import Foundation
import Image
import Keystore
import Reporting
import Transport

/// One light node in QEMU and the connection to its UART. Its flash outlives its power. Used by one task at a time.
public final class EmulatedNode: @unchecked Sendable {
    /// The board, for what is done past the line: registers, pins, faults.
    public let emulated: EmulatedBoard
    /// The kind of board that is emulated.
    public var board: Board { emulated.board }
    /// What messages call it.
    public let name: String
    private let lock = NSLock()
    private var lines: [String] = []
    private var connection: CoAPClient?
    private let wrap: @Sendable (any BytePipe) -> any BytePipe

    /// Programs `image` into `flashFile` and leaves the board off.
    /// - Parameters:
    ///   - clock: how virtual time passes.
    ///   - countsInstructions: for `EmulatedBoard.run(untilInstruction:)`; the processor then stands still after power on.
    ///   - keepsFlash: false: what the node stores is lost when the emulator ends.
    ///   - parts: more of QEMU's command line, such as parts on a bus: `["-device", "tmp105,address=0x48,id=t1"]`.
    ///   - wrap: puts something between the client and the UART, such as noise or a meter.
    /// - Throws: `Failure` when QEMU or the file is the matter.
    public init(
        image: CheckedImage, flashFile: URL, name: String? = nil, clock: EmulatedBoard.Clock = .host,
        countsInstructions: Bool = false, keepsFlash: Bool = true, parts: [String] = [],
        wrap: @escaping @Sendable (any BytePipe) -> any BytePipe = { $0 }
    ) throws {
        var configuration = EmulatedBoard.Configuration(image: image, flashFile: flashFile)
        configuration.clock = clock
        configuration.countsInstructions = countsInstructions
        configuration.keepsFlash = keepsFlash
        configuration.extraArguments = parts
        emulated = try EmulatedBoard(configuration)
        self.name = name ?? "the emulated \(image.board.name)"
        self.wrap = wrap
    }

    /// The firmware's log lines so far, those of earlier power cycles too.
    public var log: [String] { lock.withLock { lines } }

    /// Connects to the UART, then lets the processor run: no byte of the boot is missed.
    /// - Parameter timeout: seconds after which a request without an answer is given up.
    /// - Throws: `Failure` when the emulator does not start or its UART takes no connection.
    @discardableResult
    public func powerOn(timeout: Double = 30) async throws -> CoAPClient {
        try emulated.start(paused: true)
        let client = try connect(timeout: timeout)
        try emulated.resume()
        return client
    }

    /// Connects while the processor is halted or running; QEMU serves one connection at a time.
    /// - Throws: `Failure` of kind `unreachable` when the board is off.
    @discardableResult
    public func connect(timeout: Double = 30) throws -> CoAPClient {
        let pipe = try UnixSocket.connect(path: emulated.uartSocket.path, name: name)
        let client = CoAPClient(wrap(pipe), name: name, timing: .init(total: .seconds(timeout))) { [weak self] line in
            guard let self else { return }
            lock.withLock { lines.append(line) }
        }
        lock.withLock { connection = client }
        Task { await client.listen() }
        return client
    }

    /// The connection made last.
    /// - Throws: `Failure` before the first.
    public var client: CoAPClient {
        get throws {
            guard let client = lock.withLock({ connection }) else {
                throw Failure(.environment, "\(name) is off", about: "\(name)", advice: "Power it on first")
            }
            return client
        }
    }

    /// Hangs up, so that raw bytes can be sent over a connection of one's own.
    public func disconnect() async {
        let client = lock.withLock { () -> CoAPClient? in
            defer { connection = nil }
            return connection
        }
        await client?.close()
    }

    /// Hangs up and powers off at once; the flash stays in its file.
    /// - Throws: `Failure` when QEMU does not answer; the board stays on then.
    public func powerOff() async throws {
        await disconnect()
        try emulated.stop()
    }

    /// Power off and on again.
    /// - Throws: `Failure` when the board does not start again.
    @discardableResult
    public func powerCycle() async throws -> CoAPClient {
        try await powerOff()
        return try await powerOn()
    }

    /// The node as the control node with that home sees it; its key is made when it has none.
    /// - Throws: `Failure` when the home cannot be used, or before the first connection.
    public func seen(from home: Home) throws -> RemoteNode {
        if !home.controllerKey.exists { try ControllerKey.generate().save(to: home.controllerKey) }
        return RemoteNode(try client, controller: try Controller(home) { nil })
    }
}
