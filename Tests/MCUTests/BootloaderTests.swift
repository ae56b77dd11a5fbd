// STM32F411: the way into the ROM's bootloader.

import RegisterModels
import STM32F4
import Testing

/// The backup registers, which PWR_CR's DBP protects and resets leave alone (RM 5.1.2).
private final class BackupModel: RegisterModel, @unchecked Sendable {
    let rcc = RegisterModel(), power = RegisterModel()

    override func store(_ offset: UInt32, _ value: UInt32) {
        guard rcc[0x40].bit(28), power[0x00].bit(8) else {
            violations.append("a backup register written while it is protected")
            return
        }
        super.store(offset, value)
    }

    /// All but the backup domain starts anew.
    func reset() {
        rcc.words = [:]
        power.words = [:]
    }

    var request: BootloaderRequest<ModelBlock, ModelBlock, ModelBlock> {
        BootloaderRequest(rcc: rcc.block, power: power.block, clock: block)
    }
}

@Test("A request for the bootloader outlives the reset, and counts once")
func bootloaderRequest() {
    let model = BackupModel()
    #expect(!model.request.take())
    model.request.make()
    #expect(!model.power[0x00].bit(8), "protected again")
    model.reset()
    #expect(model.request.take())
    model.reset()
    #expect(!model.request.take())
    #expect(model.violations == [])
}

@Test("A request that cannot be taken back is none: the firmware would never run again")
func stuckRequest() {
    let model = BackupModel()
    model.request.make()
    model.reset()
    final class Stuck: RegisterModel, @unchecked Sendable {
        override func store(_ offset: UInt32, _ value: UInt32) {}
    }
    let stuck = Stuck()
    stuck.words = model.words
    #expect(!BootloaderRequest(rcc: model.rcc.block, power: model.power.block, clock: stuck.block).take())
}
