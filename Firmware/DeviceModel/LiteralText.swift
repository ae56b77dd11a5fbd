// Text that exists only while the compiler runs.

/// The text of a literal, for `#assert` alone: the compiler can compare two of these, and of no other text. No image may hold one
/// (docs/embedded-swift.md).
public typealias LiteralText = String
