// The entry that libFuzzer calls. LIGHTNODE_FUZZ names the property; see Tests/Fuzz/fuzz.
import Foundation
import FuzzProperties

private let property: FuzzProperty = {
    let name = ProcessInfo.processInfo.environment["LIGHTNODE_FUZZ"] ?? ""
    guard let property = FuzzProperty.all.first(where: { $0.name == name }) else {
        fatalError("LIGHTNODE_FUZZ is \"\(name)\"; set it to one of \(FuzzProperty.all.map(\.name).joined(separator: ", "))")
    }
    return property
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try property.check(Array(UnsafeBufferPointer(start: start, count: count)))
    } catch {
        fatalError("\(error)")
    }
    return 0
}
