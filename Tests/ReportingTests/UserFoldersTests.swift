import Reporting
import Testing

@Suite("Where a user's files are")
struct UserFoldersTests {
    @Test("Keys and emulated boards follow $HOME and XDG alike, and LIGHTNODE_HOME before both; relative paths do not count")
    func folders() {
        func both(_ environment: [String: String]) -> [String?] {
            [UserFolders.config(environment), UserFolders.state(environment)]
        }
        #expect(both(["HOME": "/h"]) == ["/h/.config/lightnode", "/h/.local/state/lightnode"])
        #expect(both(["HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"]) == ["/c/lightnode", "/s/lightnode"])
        #expect(both(["HOME": "/h", "XDG_CONFIG_HOME": "c", "XDG_STATE_HOME": ""]) == both(["HOME": "/h"]))
        #expect(both(["HOME": "/h", "XDG_STATE_HOME": "/s", "LIGHTNODE_HOME": "/l"]) == ["/l", "/l"])
        #expect(both(["HOME": "", "LIGHTNODE_HOME": ""]) == [nil, nil])
        #expect(UserFolders.data(["HOME": "/h"]) == "/h/.local/share" && UserFolders.data(["XDG_DATA_HOME": "/d"]) == "/d")
    }
}
