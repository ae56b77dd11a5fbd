// Where a user's files are: the one rule for keys, records and emulated boards alike.
import Foundation

/// The user's folders for this program, of which the environment decides.
public enum UserFolders {
    /// What is kept for good: `$LIGHTNODE_HOME`, else `$XDG_CONFIG_HOME/lightnode`, else `$HOME/.config/lightnode`; nil without any of them.
    public static func config(_ environment: [String: String]) -> String? {
        folder(environment, variable: "XDG_CONFIG_HOME", below: ".config")
    }

    /// What is of this computer: `$LIGHTNODE_HOME`, else `$XDG_STATE_HOME/lightnode`, else `$HOME/.local/state/lightnode`; nil without any of them.
    public static func state(_ environment: [String: String]) -> String? {
        folder(environment, variable: "XDG_STATE_HOME", below: ".local/state")
    }

    /// Where shells look for what a user has installed: `$XDG_DATA_HOME`, else `$HOME/.local/share`; nil without either.
    public static func data(_ environment: [String: String]) -> String? {
        if let path = environment["XDG_DATA_HOME"], path.hasPrefix("/") { return path }
        return home(environment).map { $0 + "/.local/share" }
    }

    private static func home(_ environment: [String: String]) -> String? {
        environment["HOME"].flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func folder(_ environment: [String: String], variable: String, below: String) -> String? {
        if let path = environment["LIGHTNODE_HOME"], !path.isEmpty { return path }
        // The XDG base directory specification ignores relative paths.
        if let path = environment[variable], path.hasPrefix("/") { return path + "/lightnode" }
        return home(environment).map { "\($0)/\(below)/lightnode" }
    }
}
