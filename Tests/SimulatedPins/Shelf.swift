// Keeps objects of a simulation alive and findable by number, for parts whose handles must be plain bits as on the MCU.

import Synchronization

enum Shelf {
    private struct Holder: @unchecked Sendable { let waveform: Waveform }
    private static let kept = Mutex<[Holder]>([])

    static func keep(_ waveform: Waveform) -> Int {
        kept.withLock {
            $0.append(Holder(waveform: waveform))
            return $0.count - 1
        }
    }

    static subscript(index: Int) -> Waveform { kept.withLock { $0[index] }.waveform }
}
