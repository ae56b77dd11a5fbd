// What errno says.
import Foundation

/// The text of `errno`.
func systemError(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }
