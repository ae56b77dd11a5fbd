// The waveform that a driver's test records, as the file that a waveform viewer opens.

import DeviceModel
import Drivers
import Foundation
import SimulatedPins
import Testing

@Test("A driver's test writes what its pin did as a value change dump, into the folder that is asked for")
func waveformFile() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ln-vcd-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let waveform = Waveform()
    var bench = Bench(Lock(SimulatedOutput(waveform, "the bolt")), waveform)
    bench.run(milliseconds: 10)
    bench.call("open", 200)
    bench.run(milliseconds: 300)
    try waveform.writeIfAsked(as: "lock: pulse", into: nil)
    #expect(!FileManager.default.fileExists(atPath: folder.path))
    try waveform.writeIfAsked(as: "lock: pulse", into: folder.path)
    let text = try String(contentsOf: folder.appendingPathComponent("lock--pulse.vcd"), encoding: .utf8)
    #expect(
        text == """
            $timescale 1us $end
            $scope module lightnode $end
            $var wire 1 ! the_bolt $end
            $upscope $end
            $enddefinitions $end
            #0
            $dumpvars
            0!
            $end
            #10000
            1!
            #210000
            0!
            #310000

            """)
}
