// A byte pipe to a serial line: raw, eight bits, no parity, one stop bit, no flow control.
import Foundation
import Reporting

/// Opens serial lines.
public enum SerialLine {
    /// Opens `path` at `baud` (default 115 200) for this program alone.
    /// - Throws: `Failure`, of kind `usage` when it is no serial line or knows no such speed, of kind `unreachable` when it is
    ///   not there or in use, of kind `environment` when it may not be opened.
    public static func open(path: String, baud: Int = 115_200) throws -> DescriptorPipe {
        let name = "serial:\(path)"
        // Non-blocking, or open would wait for a modem's carrier.
        let descriptor = Foundation.open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw refused(path, errno) }
        var handedOver = false
        defer { if !handedOver { close(descriptor) } }
        guard isatty(descriptor) == 1 else {
            throw Failure(
                .usage, "\(path) is no serial line", about: "\(path)",
                advice: "List them with: ls /dev/serial/by-id /dev/ttyACM* /dev/ttyUSB*")
        }
        // Programs that lock honour the one; those that do not, but for root's, the other. Root is told of it all the same, and shares no line.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, !isExclusive(descriptor), ioctl(descriptor, UInt(TIOCEXCL)) == 0 else {
            throw refused(path, EBUSY)
        }
        var settings = termios()
        guard tcgetattr(descriptor, &settings) == 0 else { throw refused(path, errno) }
        cfmakeraw(&settings)
        settings.c_cflag |= tcflag_t(CLOCAL | CREAD)
        settings.c_cflag &= ~(tcflag_t(CSTOPB | PARENB) | 0x8000_0000)  // CRTSCTS
        guard let speed = speeds[baud], cfsetspeed(&settings, speed) == 0 else {
            throw Failure(
                .usage, "\(baud) baud is not a speed of serial lines", about: "\(baud)",
                advice: "Use one of \(speeds.keys.sorted())")
        }
        guard tcsetattr(descriptor, TCSANOW, &settings) == 0 else { throw refused(path, errno) }
        tcflush(descriptor, TCIOFLUSH)
        handedOver = true
        return try DescriptorPipe(descriptor: descriptor, name: name)
    }

    /// Whether a program has taken the line for itself (TIOCEXCL), which the system keeps all but root from.
    private static func isExclusive(_ descriptor: Int32) -> Bool {
        var exclusive: Int32 = 0
        // TIOCGEXCL (tty_ioctl(2), Linux 3.8), which glibc's header gives as a macro that Swift does not import.
        return ioctl(descriptor, 0x8004_5440, &exclusive) == 0 && exclusive != 0
    }

    private static let speeds: [Int: speed_t] = [
        9600: speed_t(B9600), 19_200: speed_t(B19200), 38_400: speed_t(B38400), 57_600: speed_t(B57600),
        115_200: speed_t(B115200), 230_400: speed_t(B230400), 460_800: speed_t(B460800), 921_600: speed_t(B921600),
        1_000_000: speed_t(B1000000),
    ]

    static func refused(_ path: String, _ code: Int32) -> Failure {
        let reason = String(cString: strerror(code))
        switch code {
        case EACCES, EPERM:
            return Failure(
                .environment, "\(path) may not be opened: \(reason)", about: "\(path)",
                advice: "Join the group that owns it (Debian: sudo adduser $USER dialout) and log in again")
        case ENOENT, ENXIO, ENODEV:
            return Failure(
                .unreachable, "\(path) is not there", about: "\(path)",
                advice: "Plug the node in, and list lines with: ls /dev/serial/by-id")
        case EBUSY, EWOULDBLOCK:
            let users = LineUsers(of: path)
            return Failure(
                .unreachable, "\(path) is in use by \(users.description)", about: "\(path)", remedy: users.remedy)
        default:
            return Failure(
                .unreachable, "\(path) could not be opened: \(reason)", about: "\(path)",
                advice: "Check the cable, then try again")
        }
    }
}
