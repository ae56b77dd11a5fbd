// What must hold of USB descriptors as any device may send them, and of usbredir packets as any client may.
import Foundation
import FuzzProperties
import USBStrings

@testable import Flashing
@testable import VirtualUSB

// MARK: Descriptors

/// The first byte chooses what the rest is: device and configuration, a string, device capabilities, or DFU's functional descriptor.
@Sendable func checkDescriptors(_ input: [UInt8]) throws {
    let bytes = Array(input.dropFirst())
    switch (input.first ?? 0) % 4 {
    case 0: try checkConfiguration(Array(bytes.prefix(18)), Array(bytes.dropFirst(18)), input)
    case 1: try checkString(bytes, input)
    case 2:
        var reader = DescriptorReader()
        reader.check(bos: bytes)
        if reader.complaints.isEmpty != isBOS(bytes) { throw Violation("capabilities: \(reader.complaints)", input) }
    default: try checkFunctional(bytes, input)
    }
}

/// The chain of descriptors in some bytes: each with its length in front. What does not fit ends it.
private func chain(_ bytes: [UInt8]) -> (parts: [[UInt8]], isWhole: Bool) {
    var rest = bytes[...], parts: [[UInt8]] = []
    while let length = rest.first {
        guard length >= 2, rest.count >= Int(length) else { return (parts, false) }
        parts.append(Array(rest.prefix(Int(length))))
        rest = rest.dropFirst(Int(length))
    }
    return (parts, true)
}

private func checkConfiguration(_ device: [UInt8], _ configuration: [UInt8], _ input: [UInt8]) throws {
    var reader = DescriptorReader()
    guard let found = reader.description(device: device, configuration: configuration) else {
        if device.count == 18, configuration.count >= 9 { throw Violation("nothing found", input) }
        return
    }
    let (parts, isWhole) = chain(Array(configuration.dropFirst(9)))
    let interfaces = parts.filter { $0[1] == 4 && $0.count >= 9 }
    guard
        found.interfaces.map({ [$0.number, $0.alternate, UInt8($0.endpointCount), $0.class, $0.subclass, $0.protocol] })
            == interfaces.map({ Array($0[2...7]) })
    else { throw Violation("other interfaces than the descriptors have", input) }
    let firstInterface = parts.firstIndex { $0[1] == 4 && $0.count >= 9 } ?? parts.count
    let endpoints = parts.enumerated().filter { $0 > firstInterface && $1[1] == 5 && $1.count >= 7 }.map(\.element)
    guard
        found.endpoints.map({
            [$0.address, $0.attributes, UInt8($0.maxPacketSize & 255), UInt8($0.maxPacketSize >> 8), $0.interval]
        })
            == endpoints.map({ Array($0[2...6]) })
    else { throw Violation("other endpoints than the descriptors have", input) }
    if reader.complaints.isEmpty, let fault = fault(device, configuration, parts, isWhole) {
        throw Violation("no complaint, though \(fault)", input)
    }
    let strings = Set(interfaces.map { $0[8] } + [configuration[6]]).subtracting([0])
    if isWhole, found.configurationStrings != strings { throw Violation("strings \(found.configurationStrings)", input) }
    if found.activeEndpoints([:]).contains(where: { $0.alternate != 0 }) { throw Violation("an alternate endpoint", input) }
}

/// One thing that USB 2.0, section 9.6, forbids; nil if there is none of those here.
private func fault(_ device: [UInt8], _ configuration: [UInt8], _ parts: [[UInt8]], _ isWhole: Bool) -> String? {
    let total = Int(configuration[2]) | Int(configuration[3]) << 8
    if device[0] != 18 || device[1] != 1 || configuration[0] != 9 || configuration[1] != 2 { return "a head is wrong" }
    if total != configuration.count || !isWhole { return "the length is wrong" }
    if configuration[5] == 0 || configuration[7] & 0x80 == 0 { return "a field of the configuration is wrong" }
    let numbers = parts.filter { $0[1] == 4 }.map { $0.count == 9 ? $0[2] : 255 }
    if Set(numbers) != Set((0..<configuration[4]).map { $0 }) { return "interfaces are not numbered" }
    if parts.contains(where: { $0[1] == 5 && ($0.count < 7 || $0[2] & 15 == 0) }) { return "an endpoint is none" }
    var open = 0
    for part in parts {
        if part[1] == 5 { open -= 1 }
        if part[1] == 4 {
            if open != 0 { return "an interface has other endpoints than it says" }
            open = Int(part[4])
        }
    }
    return open == 0 ? nil : "an interface has other endpoints than it says"
}

private func isBOS(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= 5, bytes[0] == 5, bytes[1] == 15, Int(bytes[2]) | Int(bytes[3]) << 8 == bytes.count else { return false }
    let (parts, isWhole) = chain(Array(bytes.dropFirst(5)))
    return isWhole && parts.count == Int(bytes[4]) && parts.allSatisfy { $0.count >= 3 && $0[1] == 16 }
}

private func checkString(_ bytes: [UInt8], _ input: [UInt8]) throws {
    var reader = DescriptorReader()
    let strict = reader.string(bytes, index: 1)
    let units = stride(from: 2, to: max(2, bytes.count - 1), by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
    let isRight = bytes.count >= 2 && bytes.count % 2 == 0 && Int(bytes[0]) == bytes.count && bytes[1] == 3
    if strict != (isRight ? String(decoding: units, as: UTF16.self) : nil) {
        throw Violation("a string: \(strict ?? "none")", input)
    }
    guard let shown = USBString.text(bytes) else { return }
    if shown.isEmpty || shown.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
        throw Violation("a string that steers the terminal", input)
    }
    // As many units as the length says and came; those of plain text are shown as they are.
    let claimed = units.prefix(max(0, (Int(bytes[0]) - 2) / 2)).prefix { $0 != 0 }
    let isPlain = claimed.allSatisfy { 0x21...0x7e ~= $0 && $0 != 0x5c }
    if isPlain, shown != String(decoding: claimed, as: UTF16.self) { throw Violation("shown as \(shown)", input) }
}

private func checkFunctional(_ bytes: [UInt8], _ input: [UInt8]) throws {
    let expected = chain(bytes).parts.first { $0[1] == 0x21 && $0.count >= 7 }
    let found = DFUFunctional(descriptors: bytes)
    guard (found == nil) == (expected == nil) else { throw Violation("functional descriptor: \(found as Any)", input) }
    guard let found, let expected else { return }
    let words = stride(from: 3, to: expected.count - 1, by: 2).map { Int(expected[$0]) | Int(expected[$0 + 1]) << 8 }
    if found.attributes != expected[2] || found.detachTimeout != words[0] || found.transferSize != words[1]
        || Int(found.version) != (expected.count >= 9 ? words[2] : 0x0100)
    {
        throw Violation("functional descriptor: \(found)", input)
    }
}

// MARK: usbredir

/// The first byte is the size of the chunks. As a stream: messages are those that the judge finds, however the bytes are cut. As a client of a device:
/// what it is answered are whole messages, to numbers that it has used.
@Sendable func checkRedirection(_ input: [UInt8]) throws {
    let bytes = Array(input.dropFirst()), size = max(1, Int(input.first ?? 0) & 0x7f)
    let isWide = (input.first ?? 0) & 0x80 != 0
    let expected = RedirectionJudge.messages(bytes, hasWideIDs: isWide)
    for size in [size, bytes.count + 1] {
        var stream = RedirectionStream(), found: [RedirectionJudge] = [], isRefused = false
        stream.hasWideIDs = isWide
        for start in stride(from: 0, to: bytes.count, by: size) where !isRefused {
            stream.push(bytes[start..<min(bytes.count, start + size)])
            do { while let message = try stream.next() { found.append(.init(message.type, message.id, message.body)) } } catch {
                isRefused = true
            }
        }
        if found != expected.messages || isRefused != expected.isRefused {
            throw Violation("other messages than the judge finds", input)
        }
    }
    try talk(bytes, input)
}

/// A usbredir message, cut out of the stream by the layout alone (usb-redirection-protocol, version 0.7).
private struct RedirectionJudge: Equatable {
    let type: UInt32, id: UInt64, body: [UInt8]
    init(_ type: UInt32, _ id: UInt64, _ body: [UInt8]) { (self.type, self.id, self.body) = (type, id, body) }

    static func messages(_ bytes: [UInt8], hasWideIDs: Bool, widensAfterFirst: Bool = false) -> (
        messages: [RedirectionJudge], isRefused: Bool, rest: Int
    ) {
        var rest = bytes[...], found: [RedirectionJudge] = []
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        while true {
            let head = hasWideIDs || widensAfterFirst && !found.isEmpty ? 16 : 12
            guard rest.count >= head else { return (found, false, rest.count) }
            let start = rest.startIndex, length = Int(number(rest[start + 4..<start + 8]))
            guard length <= 1 << 20 else { return (found, true, rest.count) }
            guard rest.count >= head + length else { return (found, false, rest.count) }
            let body = Array(rest[start + head..<start + head + length])
            found.append(.init(UInt32(number(rest[start..<start + 4])), number(rest[start + 8..<start + head]), body))
            rest = rest[(start + head + length)...]
        }
    }
}

/// A device that answers at once: endpoint 1 echoes, endpoint 2 has three interrupts to tell, vendor request 1 gives eight bytes.
private final class Answering: RequestDevice, @unchecked Sendable {
    static let all = DescriptorSet(
        device: DescriptorSet.device(vendor: 0x1209, product: 1),
        configuration: DescriptorSet.configuration(
            interfaceCount: 1,
            DescriptorSet.interface(0, endpoints: 3, class: 0xff, subclass: 0, protocol: 0) + DescriptorSet.endpoint(0x01)
                + DescriptorSet.endpoint(0x81) + DescriptorSet.endpoint(0x82, attributes: 3, maxPacketSize: 8, interval: 1)),
        strings: [1: "a", 2: "b", 3: "c"])

    override func handle(_ setup: SetupPacket, _ data: [UInt8]) -> Reply {
        setup.isDeviceToHost ? .data([1, 2, 3, 4, 5, 6, 7, 8]) : setup.request == 1 ? .accept : .stall
    }

    override func received(_ endpoint: UInt8, _ packet: [UInt8]) -> Bool {
        send(0x81, packet)
        return true
    }

    override func wasReset() { for number in 1...3 as ClosedRange<UInt8> { send(0x82, [number]) } }
}

private enum Bus {
    static let controller = VirtualHostController(Answering(Answering.all), patience: 1)
    static let isThere = controller.waitForDevice(timeout: 10) != nil
}

private func talk(_ bytes: [UInt8], _ input: [UInt8]) throws {
    guard Bus.isThere else { throw Violation("the device to talk to is not there", input) }
    var ends: [Int32] = [0, 0]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else { throw CocoaError(.fileNoSuchFile) }
    let (ours, theirs) = (ends[0], ends[1])
    let bytes = Array(bytes.prefix(4096))
    guard send(ours, bytes, bytes.count, 0) == bytes.count || bytes.isEmpty else { throw CocoaError(.fileWriteUnknown) }
    shutdown(ours, Int32(SHUT_WR))
    // What is answered is read by this thread while the other talks.
    let thread = Thread {
        RedirectionConnection(theirs, Bus.controller).run()
        close(theirs)
    }
    thread.start()
    var answer: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = recv(ours, &buffer, buffer.count, 0)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { break }
        answer += buffer[..<count]
    }
    close(ours)
    let (asked, _, _) = RedirectionJudge.messages(bytes, hasWideIDs: false)
    let isWide = asked.first { $0.type == 0 }.map { $0.body.count >= 68 && $0.body[64] & 0x20 != 0 } ?? false
    let (told, isRefused, rest) = RedirectionJudge.messages(answer, hasWideIDs: false, widensAfterFirst: isWide)
    guard !isRefused, rest == 0, told.first?.type == 0, told.first?.body.count == 68 else {
        throw Violation("answers that are no messages", input)
    }
    guard asked.first?.type == 0 else { return }
    let own = RedirectionJudge.messages(bytes, hasWideIDs: false, widensAfterFirst: isWide).messages
    let numbers = Set(own.map(\.id) + own.map { $0.id & 0xffff_ffff })
    for message in told where message.type >= 100 && message.type != 103 && !numbers.contains(message.id) {
        throw Violation("an answer to number \(message.id), which nobody has used", input)
    }
}
