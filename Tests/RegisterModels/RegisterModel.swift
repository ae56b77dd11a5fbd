// Models of peripherals, register by register, written from the reference manual (RM0383) and not from the drivers. A model keeps a
// list of what the driver did against the rules.

import HAL
import Synchronization

/// A peripheral that only remembers. Subclasses give registers their side effects.
open class RegisterModel: @unchecked Sendable {
    public var words: [UInt32: UInt32] = [:]
    public var violations: [String] = []
    public var loads = 0

    public init() {}

    open func load(_ offset: UInt32) -> UInt32 { words[offset, default: 0] }
    open func store(_ offset: UInt32, _ value: UInt32) { words[offset] = value }

    public subscript(offset: UInt32) -> UInt32 {
        get { words[offset, default: 0] }
        set { words[offset] = newValue }
    }

    /// The name under which drivers reach this model.
    public private(set) lazy var block = ModelBlock(self)
}

/// Drivers hold registers as plain bits, so a model is reached by its number.
public struct ModelBlock: SharedRegisterBlock {
    private static let models = Mutex<[RegisterModel]>([])
    private let index: Int

    init(_ model: RegisterModel) {
        index = ModelBlock.models.withLock {
            $0.append(model)
            return $0.count - 1
        }
    }

    private var model: RegisterModel { ModelBlock.models.withLock { $0[index] } }

    public func load(_ offset: UInt32) -> UInt32 {
        let model = model
        model.loads += 1
        return model.load(offset)
    }
    public func store(_ offset: UInt32, _ value: UInt32) { model.store(offset, value) }
}

extension UInt32 {
    /// Bits `high`…`low`.
    public func bits(_ high: UInt32, _ low: UInt32) -> UInt32 { (self >> low) & ((1 << (high - low + 1)) - 1) }
    public func bit(_ number: UInt32) -> Bool { self & (1 << number) != 0 }
}
