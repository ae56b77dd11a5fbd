// The entry that libFuzzer calls. LIGHTNODE_FUZZ names the property; see Tests/Fuzz/fuzz.
import Foundation
import FuzzProperties

#if HOST
import HostFuzzProperties
private let properties = hostProperties
#else
private let properties = FuzzProperty.all
#endif

private let property: FuzzProperty = {
    let name = ProcessInfo.processInfo.environment["LIGHTNODE_FUZZ"] ?? ""
    guard let property = properties.first(where: { $0.name == name }) else {
        fatalError("LIGHTNODE_FUZZ is \"\(name)\"; set it to one of \(properties.map(\.name).joined(separator: ", "))")
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
