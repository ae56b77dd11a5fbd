// How a PostgreSQL server is reached: over a Unix socket, or over TLS whose certificate is verified, with a password that the server
// never sees (SCRAM bound to that very TLS connection). Anything less is refused before a byte is sent.
import CPostgres
import Foundation
import Reporting

/// The connection parameters of a `postgres://` address (libpq's manual, section 34.1), raised to what is demanded of the way there.
struct PostgresAddress: Sendable {
    /// For messages; no password is in it.
    let name: String
    /// True if the server is reached over a Unix socket of this computer alone. The kernel's permissions guard it; libpq uses no TLS there.
    let isSocket: Bool
    /// What libpq is given. Parameters of the environment and of libpq's defaults do not take the place of these.
    let parameters: [String: String]

    /// What a connection over a network has, whatever the address or the environment say. SCRAM follows from channel binding, which no
    /// other way of authentication has; a libpq that has `require_auth` is told in so many words as well.
    static var demanded: [String: String] {
        var demanded = ["sslmode": "verify-full", "channel_binding": "require"]
        if PQlibVersion() >= 160_000 { demanded["require_auth"] = "scram-sha-256" }
        return demanded
    }

    /// Values that an address may give; others ask for less. A libpq without `require_auth` takes it in no address.
    private static let permitted = [
        "sslmode": "verify-full", "channel_binding": "require", "require_auth": "scram-sha-256",
    ]

    /// - Parameters:
    ///   - url: `postgres://…` or `postgresql://…`.
    ///   - defaults: what libpq takes for a parameter that the address does not give: from the environment and compiled in.
    /// - Throws: a `Failure` of kind `usage` when `url` is no address, or asks for a network connection with less than is demanded.
    init(_ url: String, defaults: [String: String] = Self.libraryDefaults()) throws {
        name = Self.withoutPassword(url)
        let given = try Self.parse(url, name)
        func value(_ key: String) -> String { given[key] ?? defaults[key] ?? "" }
        // A service file may name any host.
        isSocket =
            value("hostaddr").isEmpty && value("service").isEmpty
            && value("host").split(separator: ",", omittingEmptySubsequences: false).allSatisfy(Self.isSocketPath)
        var parameters = given
        parameters["connect_timeout"] = given["connect_timeout"] ?? "10"
        parameters["application_name"] = "lightnode"
        if !isSocket {
            for (key, value) in Self.permitted {
                guard let less = given[key], less != value else { continue }
                throw Failure(
                    .usage, "the address \(name) asks for \(key)=\(less), which lets somebody on the way be the server",
                    advice: "Leave it away: \(key)=\(value) is always used over a network. \(Self.remedy)")
            }
            parameters.merge(Self.demanded) { _, demanded in demanded }
            // A connection that Kerberos encrypts has no certificate to be bound to.
            parameters["gssencmode"] = "disable"
        }
        self.parameters = parameters
    }

    /// An empty one is libpq's default, a socket in a folder of the system's; an abstract one begins with @.
    private static func isSocketPath(_ host: Substring) -> Bool { host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@") }

    private static let remedy =
        "The server needs TLS, a certificate for its name and SCRAM (docs/factory.md, “The records of several stations”), or name the folder of its Unix socket: postgres://user@/database?host=/var/run/postgresql"

    private static func parse(_ url: String, _ name: String) throws -> [String: String] {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(url, &message) else {
            // libpq's sentence may repeat a part of the address, and so of the password.
            message.map { PQfreemem($0) }
            throw Failure(
                .usage, "“\(name)” is no address of a database", advice: "Write postgres://user@host/database?sslrootcert=FILE")
        }
        defer { PQconninfoFree(options) }
        return entries(options)
    }

    static func libraryDefaults() -> [String: String] {
        guard let options = PQconndefaults() else { return [:] }
        defer { PQconninfoFree(options) }
        return entries(options)
    }

    /// The parameters that have a value.
    private static func entries(_ options: UnsafeMutablePointer<PQconninfoOption>) -> [String: String] {
        var found: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { found[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return found
    }

    private static func withoutPassword(_ url: String) -> String {
        guard var parts = URLComponents(string: url) else { return "the database server" }
        parts.password = nil
        parts.queryItems = parts.queryItems?.filter { !$0.name.contains("password") }
        return parts.string ?? "the database server"
    }

    /// Connects. The connection is the caller's to finish, whatever became of it.
    func connect() -> OpaquePointer? {
        var keywords: [UnsafeMutablePointer<CChar>?] = [], values: [UnsafeMutablePointer<CChar>?] = []
        for (keyword, value) in parameters {
            keywords.append(strdup(keyword))
            values.append(strdup(value))
        }
        defer { for text in keywords + values { free(text) } }
        return (keywords + [nil]).map { UnsafePointer($0) }.withUnsafeBufferPointer { keywords in
            (values + [nil]).map { UnsafePointer($0) }.withUnsafeBufferPointer { values in
                PQconnectdbParams(keywords.baseAddress!, values.baseAddress!, 0)
            }
        }
    }

    /// What libpq's complaint means when the server, or a program in its place, offers less than is demanded; nil for any other.
    /// - Parameter complaint: libpq's first line, in English or not: what is not recognised is shown as it is.
    func lessThanDemanded(_ complaint: String) -> Failure? {
        guard !isSocket else { return nil }
        let cases: [(words: [String], what: String, advice: String)] = [
            (
                ["server does not support SSL"], "cannot be reached safely: the server offers no TLS",
                "Switch it on there (ssl = on, with a certificate for its name). \(Self.remedy)"
            ),
            (
                ["root certificate file"], "cannot be reached safely: no certificate is here to verify the server's by",
                "Name that of the authority which signed it: …/database?sslrootcert=FILE, or put it into ~/.postgresql/root.crt"
            ),
            (
                ["channel binding", "authentication method", "SASL"],
                "cannot be reached safely: the server asks for a password without SCRAM and channel binding, or for none",
                "Let it: password_encryption = scram-sha-256, “hostssl … scram-sha-256” in pg_hba.conf, and the password set anew. Nothing of it was sent"
            ),
            (
                ["does not match host name", "certificate verify failed"],
                "cannot be reached safely: the server's certificate is not one for this name, or not of the authority that is known here",
                "Use the name that is in the certificate, and the authority's own certificate (sslrootcert=FILE); if both are right, somebody stands between"
            ),
        ]
        return cases.first { entry in entry.words.contains { complaint.contains($0) } }
            .map { .database(name, $0.what, advice: $0.advice) }
    }
}
