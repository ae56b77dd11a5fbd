// A call as people write it, `$('lock').open(for: 5s)`, and the check of it against the devices that a node says to have.
//
// What is signed follows from what was typed alone: units are reckoned by the table here, and arguments stay in their order. The node's list of
// devices is not signed, so it can refuse a call, and change nothing of it.
import Reporting

/// A number with a unit, in the unit that interfaces have.
enum Quantity {
    /// A unit that people write.
    struct Unit: Hashable, Sendable {
        let names: [String]
        /// The unit of the interface.
        let base: String
        /// So many of `base` are one.
        let factor: Int64
    }

    private static let units = [
        Unit(names: ["ms", "milliseconds"], base: "ms", factor: 1), Unit(names: ["s", "seconds"], base: "ms", factor: 1000),
        Unit(names: ["min", "minutes"], base: "ms", factor: 60_000), Unit(names: ["h", "hours"], base: "ms", factor: 3_600_000),
        Unit(names: ["%", "percent"], base: "%", factor: 1), Unit(names: ["Hz", "hertz"], base: "Hz", factor: 1),
        Unit(names: ["kHz", "kilohertz"], base: "Hz", factor: 1000),
        Unit(names: ["deg", "°", "degrees"], base: "deg", factor: 1),
        Unit(names: ["Cel", "°C", "celsius"], base: "mCel", factor: 1000), Unit(names: ["mCel"], base: "mCel", factor: 1),
    ]

    static func unit(_ name: String) -> Unit? { units.first { $0.names.contains(name) } }

    /// What to write for each.
    static var names: [String] { units.map { $0.names[0] } }

    /// A number of `base` with the unit that is easiest to read: 5000 ms are 5s.
    static func text(_ value: Int64, _ base: String) -> String {
        let fit = units.filter { $0.base == base && value % $0.factor == 0 && (value != 0 || $0.factor == 1) }.max {
            $0.factor < $1.factor
        }
        return fit.map { "\(value / $0.factor)\($0.names[0])" } ?? (base == "1" ? "\(value)" : "\(value) \(base)")
    }
}

extension Quantity.Unit {
    /// So many of the base unit; nil when they are not whole, or too many.
    /// - Parameters:
    ///   - digits: with a sign, without a point.
    ///   - decimals: how many of them stand behind the point.
    func whole(_ digits: String, decimals: Int) -> Int64? {
        guard decimals < 10, let number = Int64(digits) else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        let scale = (0..<decimals).reduce(Int64(1)) { scale, _ in scale * 10 }
        return overflow || product % scale != 0 ? nil : product / scale
    }
}

/// A call with the labels and units that it was written with.
public struct WrittenCall: Hashable, Sendable {
    /// What is signed and sent.
    public let call: Call
    let text: String
    let columns: Columns
    let arguments: [Argument]

    /// Where its parts stand, in characters from 1.
    struct Columns: Hashable, Sendable {
        let device, method, end: Int
    }

    struct Argument: Hashable, Sendable {
        let label: String?
        let value: Value
        let unit: Quantity.Unit?
        let column: Int
    }
}

/// Why a node would not carry out a call, found before anything was signed.
public struct CallMisfit: Reportable, Hashable, CustomStringConvertible {
    /// The call, as it was typed.
    public let text: String
    /// In characters from 1.
    public let column: Int
    /// What is wrong there.
    public let what: String
    /// What would be right.
    public let advice: String

    public var description: String {
        "column \(column): \(what)\n  \(text)\n  \(String(repeating: " ", count: max(0, column - 1)))^"
    }

    public var failure: Failure { Failure(.usage, "nothing was sent: \(self)", advice: advice) }
}

/// An argument of a method, as the interface has it: `for:ms 100..60000=5000`.
struct Parameter {
    let name: String
    let unit: String
    let range: ClosedRange<Int64>?
    let isOptional: Bool

    init(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        name = parts[0]
        let type = (parts.count > 1 ? parts[1] : "").split(separator: " ", maxSplits: 1).map(String.init)
        unit = type.first ?? ""
        let limits = (type.count > 1 ? type[1] : "").split(separator: "=", maxSplits: 1).map(String.init)
        isOptional = limits.count > 1
        let numbers = (limits.first ?? "").split(separator: "..").map { Int64($0) }
        if numbers.count == 2, let least = numbers[0], let most = numbers[1], least <= most {
            range = least...most
        } else {
            range = nil
        }
    }

    /// What it takes, for people; nil when the interface does not say.
    var expectation: String? {
        switch unit {
        case "bool": "true or false"
        case "text": range.map { "a text of \($0.lowerBound) to \($0.upperBound) bytes" } ?? "a text"
        default:
            range.map { "\(Quantity.text($0.lowerBound, unit)) to \(Quantity.text($0.upperBound, unit))" }
        }
    }
}

extension WrittenCall {
    /// Throws unless the devices that a node says to have take this call.
    /// - Parameter devices: as the node lists them; not signed, so that they refuse at most.
    public func check(against devices: [DeviceDescription]) throws(CallMisfit) {
        guard let device = devices.first(where: { $0.name == call.device }) else {
            let names = devices.map(\.name)
            let near = Spelling.nearest(to: call.device, among: names).map { "Did you mean $(\(CallText.quoted($0)))? " } ?? ""
            throw misfit(
                columns.device, "the node has no device “\(call.device)”",
                near + "There are \(names.map { "$(\(CallText.quoted($0)))" }.joined(separator: ", "))")
        }
        guard let method = device.methods.first(where: { $0.name == call.method }) else {
            let near = Spelling.nearest(to: call.method, among: device.methods.map(\.name)).map { "Did you mean .\($0)? " } ?? ""
            throw misfit(
                columns.method, "“\(device.name)” has no method “\(call.method)”",
                near
                    + (device.methods.isEmpty
                        ? "It only tells what happens; it takes no commands"
                        : "There are \(device.methods.map { ".\($0)" }.joined(separator: ", "))"))
        }
        try check(method)
    }

    private func check(_ method: DeviceDescription.Method) throws(CallMisfit) {
        let parameters = method.arguments.map { Parameter($0) }
        let form = ".\(method)"
        for (position, argument) in arguments.enumerated() {
            guard position < parameters.count else {
                throw misfit(
                    argument.column, "“\(method.name)” takes \(parameters.isEmpty ? "no argument" : "no more arguments")",
                    "Write it like \(form)")
            }
            try check(argument, parameters[position], form)
        }
        if arguments.count < parameters.count, !parameters[arguments.count].isOptional {
            throw misfit(columns.end, "the argument “\(parameters[arguments.count].name)” is missing", "Write it like \(form)")
        }
    }

    private func check(_ argument: Argument, _ parameter: Parameter, _ form: String) throws(CallMisfit) {
        if let label = argument.label, label != parameter.name {
            throw misfit(
                argument.column, "the argument here is called “\(parameter.name)”, not “\(label)”", "Write it like \(form)")
        }
        if let unit = argument.unit, unit.base != parameter.unit {
            throw misfit(argument.column, "“\(parameter.name)” is no number of \(unit.base)", "Write it like \(form)")
        }
        let fits: Bool
        switch (parameter.unit, argument.value) {
        case ("bool", .bool): fits = true
        case ("text", .text(let text)): fits = parameter.range?.contains(Int64(text.utf8.count)) ?? true
        case ("bool", _), ("text", _), (_, .bool), (_, .text): fits = false
        case (_, .int(let value)): fits = parameter.range?.contains(value) ?? true
        }
        guard !fits, let expectation = parameter.expectation else { return }
        throw misfit(argument.column, "“\(parameter.name)” takes \(expectation)", "Write it like \(form)")
    }

    private func misfit(_ column: Int, _ what: String, _ advice: String) -> CallMisfit {
        CallMisfit(text: text, column: column, what: what, advice: advice)
    }
}
