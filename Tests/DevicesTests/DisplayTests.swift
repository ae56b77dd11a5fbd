// The 5×5 display: letters, words, icons.

import DeviceModel
import Drivers
import SimulatedPins
import Testing

private func text(_ string: String) -> Arguments {
    var list = Arguments()
    let bytes = Array(string.utf8)
    list.append(text: bytes.span.bytes)
    return list
}

@Test("One letter stands still")
func letter() {
    let waveform = Waveform()
    let screen = SimulatedScreen(waveform, "display")
    var bench = Bench(Display5x5(screen), waveform)
    expect(bench.call("text", text("a")).text, "done")
    bench.run(milliseconds: 1000)
    #expect(screen.picture == [".###.", "#...#", "#####", "#...#", "#...#"])
}

@Test("A word scrolls through once and tells when it is gone")
func scroll() throws {
    let waveform = Waveform()
    let screen = SimulatedScreen(waveform, "display")
    var bench = Bench(Display5x5(screen), waveform)
    _ = bench.call("text", text("LI"))
    bench.run(milliseconds: 5 * 124)
    #expect(screen.picture == ["#....", "#....", "#....", "#....", "#####"])
    bench.run(milliseconds: 6 * 124)
    #expect(screen.picture == [".###.", "..#..", "..#..", "..#..", ".###."])
    bench.run(milliseconds: 2000)
    #expect(screen.shown == 0)
    #expect(bench.noted.contains { $0.hasPrefix("scrolled") })
    try waveform.writeIfAsked(as: "display scroll")
}

@Test("A text of 32 bytes scrolls to its end; a longer or empty one is refused")
func longText() {
    let waveform = Waveform()
    var bench = Bench(Display5x5(SimulatedScreen(waveform, "display")), waveform)
    expect(bench.call("text", text(String(repeating: "W", count: 32))).text, "done")
    bench.run(milliseconds: 32 * 6 * 125 + 2000)
    #expect(bench.noted.contains { $0.hasPrefix("scrolled") })
    var list = Arguments()
    let long = [UInt8](repeating: 65, count: 33)
    expect(list.append(text: long.span.bytes), false)
    expect(bench.call("text", text("")).text, "argument 0: text 1..32 text")
    expect(bench.call("text", 5).text, "argument 0: text 1..32 text")
}

@Test("Any byte can be shown")
func anyByte() {
    let waveform = Waveform()
    let screen = SimulatedScreen(waveform, "display")
    var bench = Bench(Display5x5(screen), waveform)
    for byte in UInt8.min...UInt8.max {
        var list = Arguments()
        let bytes = [byte]
        list.append(text: bytes.span.bytes)
        expect(bench.call("text", list).text, "done")
        if byte != 0x20 { #expect(screen.shown != 0) }
    }
}

@Test("An icon is its bitmap, and the safe state is dark")
func icon() {
    let waveform = Waveform()
    let screen = SimulatedScreen(waveform, "display")
    var bench = Bench(Display5x5(screen), waveform)
    bench.call("icon", 0b00100_01110_11111_11111_01010)
    #expect(screen.picture == [".#.#.", "#####", "#####", ".###.", "..#.."])
    #expect(bench.value == 16)
    bench.enterSafeState()
    #expect(screen.shown == 0)
}
