// Which pins of a chip a timer reaches, read from the chip's PWM driver, and what of a board's PWM is not possible with them.
import Foundation

/// The pulse-width modulators of a chip, as Firmware/MCU/<family>/PWM.swift has them.
struct Modulators {
    /// What a pin is driven by: two pins of one source always show the same duty.
    private(set) var sources: [String: String] = [:]
    /// Any pin will do, but one at a time.
    let isOneForAllPins: Bool

    /// Nil for a chip without a PWM driver: a board that asks for one does not compile.
    init?(mcu: String, in catalogue: BoardCatalogue) throws {
        let file = catalogue.root.appendingPathComponent("Firmware/MCU/\(mcu)/PWM.swift")
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        let pins = try SyntaxTree(file).items.first { $0.kind == "struct_decl" && $0.name == "TimerPin" }
        isOneForAllPins = pins == nil
        for pin in pins?.list("members") ?? [] where pin.kind == "var_decl" && pin.fields["static"] as? Bool == true {
            guard let name = pin.name, let call = pin.all.first(where: { $0.kind == "call_expr" }),
                let timer = call["args"]?.all.first(where: { $0.kind == "unresolved_dot_expr" })?.fields["field"] as? String,
                let channel = call["args"]?.all.first(where: { $0.kind == "integer_literal_expr" })?.fields["value"] as? String
            else { continue }
            sources[name] = "channel \(channel) of \(timer.uppercased())"
        }
    }

    /// `pa6` and `pc13`, but no word that only begins so.
    static func isPinName(_ name: String) -> Bool {
        let digits = name.dropFirst(2)
        return name.hasPrefix("p") && name.count <= 4 && !digits.isEmpty && digits.allSatisfy(\.isNumber)
    }

    var pinNames: String {
        sources.keys.sorted().map { $0.uppercased() }.joined(separator: ", ")
    }
}

extension BoardWiring {
    /// A device whose initialiser asks for a modulator, on a pin that the chip's driver names or on any.
    struct Modulated {
        let device: String
        let pin: String?
    }

    /// What cannot be had of the chip's modulators, in words that name the devices.
    func faults(of modulated: [Modulated], with modulators: Modulators) -> [String] {
        if modulators.isOneForAllPins {
            let devices = modulated.filter { $0.pin == nil }.map(\.device)
            return devices.count < 2 ? [] : ["the chip's one PWM is used by \(devices.joined(separator: " and by "))"]
        }
        var found: [String] = []
        var taken: [String: (device: String, pin: String)] = [:]
        for case (let device, let name?) in modulated.map({ ($0.device, $0.pin) }) {
            let pin = name.uppercased()
            guard let source = modulators.sources[name] else {
                found.append("\(device) wants PWM on \(pin), which no timer reaches; those reached are \(modulators.pinNames)")
                continue
            }
            if let other = taken[source] {
                found.append("\(source) is used by \(other.device) (\(other.pin)) and by \(device) (\(pin))")
            }
            taken[source] = (device, pin)
            if let place = places.first(where: { $0.label == pin }) {
                if place.users != [device] {
                    found.append("\(pin) is used by \(place.name) (line \(place.line)) and by the PWM of \(device)")
                }
            } else {
                found.append("the PWM of \(device) is on \(pin), which no case of Pin names")
            }
        }
        return found
    }
}
