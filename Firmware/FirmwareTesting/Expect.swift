// Expectations. The first that fails ends the test: each test is a run of its own, so nothing has to be cleaned up.
import Startup

/// The outcome of comparing two values, kept with the values for the report.
public struct Comparison<Value: TestValue> {
    let left: Value
    let right: Value
    let holds: Bool
}

/// Ends the test as failed unless the comparison holds; the report shows its source, both values, file and line.
public func expect<Value>(_ comparison: Comparison<Value>, file: StaticString = #fileID, line: UInt32 = #line) {
    guard !comparison.holds else { return }
    var report = failure(file, line)
    report.separator()
    comparison.left.write(to: &report)
    report.separator()
    comparison.right.write(to: &report)
    report.send()
    TestRun.end(.failed)
}

/// Ends the test as failed unless `condition` is true.
@_disfavoredOverload
public func expect(_ condition: Bool, file: StaticString = #fileID, line: UInt32 = #line) {
    guard !condition else { return }
    var report = failure(file, line)
    report.send()
    TestRun.end(.failed)
}

/// The value, or the end of the test when there is none.
public func require<Value>(_ value: Value?, file: StaticString = #fileID, line: UInt32 = #line) -> Value {
    if let value { return value }
    var report = failure(file, line)
    report.send()
    TestRun.end(.failed)
}

/// What `body` returns; the test fails when it throws.
public func attempt<Value, Failure: Error>(
    _ body: @autoclosure () throws(Failure) -> Value, file: StaticString = #fileID, line: UInt32 = #line
) -> Value {
    do { return try body() } catch {
        var report = failure(file, line)
        report.text("it threw")
        report.send()
        TestRun.end(.failed)
    }
}

/// Ends the test as failed.
public func fail(_ reason: StaticString, file: StaticString = #fileID, line: UInt32 = #line) -> Never {
    var report = failure(file, line)
    report.text(reason)
    report.send()
    TestRun.end(.failed)
}

private func failure(_ file: StaticString, _ line: UInt32) -> ReportLine {
    var report = ReportLine("fail")
    report.text(file)
    report.field(line)
    return report
}
