// The flash of QEMU's nRF51 as a programmer sees it: erased and written through the chip's own controller.
import Foundation

/// Programs the flash of QEMU's nRF51 from outside, through its controller (nRF51 Series Reference Manual v3.0, section 6 "NVMC").
enum NRF51Flash {
    static let config: UInt64 = 0x4001_E504
    static let erasePage: UInt64 = 0x4001_E508
    static let eraseAll: UInt64 = 0x4001_E50C
    static let writeEnable: UInt32 = 1
    static let eraseEnable: UInt32 = 2

    static func load(_ contents: Data, through qtest: QTest) throws {
        try qtest.writeWord(config, eraseEnable)
        try qtest.writeWord(eraseAll, 1)
        try qtest.writeWord(config, writeEnable)
        let page = 1024
        for start in stride(from: 0, to: contents.count, by: page) {
            let bytes = contents[(contents.startIndex + start)..<(contents.startIndex + min(start + page, contents.count))]
            if bytes.contains(where: { $0 != 0xFF }) { try qtest.write(UInt64(start), Data(bytes)) }
        }
        try qtest.writeWord(config, 0)
    }
}
