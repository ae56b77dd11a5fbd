// Fifty tests that do nothing: what running a test costs (`lightnode measure-runner`, part of `make bench`).
import FirmwareTesting

@main enum Trivial: FirmwareSuite {
    @used static func `does nothing 00`() { expect(0 == 0) }
    @used static func `does nothing 01`() { expect(1 == 1) }
    @used static func `does nothing 02`() { expect(2 == 2) }
    @used static func `does nothing 03`() { expect(3 == 3) }
    @used static func `does nothing 04`() { expect(4 == 4) }
    @used static func `does nothing 05`() { expect(5 == 5) }
    @used static func `does nothing 06`() { expect(6 == 6) }
    @used static func `does nothing 07`() { expect(7 == 7) }
    @used static func `does nothing 08`() { expect(8 == 8) }
    @used static func `does nothing 09`() { expect(9 == 9) }
    @used static func `does nothing 10`() { expect(10 == 10) }
    @used static func `does nothing 11`() { expect(11 == 11) }
    @used static func `does nothing 12`() { expect(12 == 12) }
    @used static func `does nothing 13`() { expect(13 == 13) }
    @used static func `does nothing 14`() { expect(14 == 14) }
    @used static func `does nothing 15`() { expect(15 == 15) }
    @used static func `does nothing 16`() { expect(16 == 16) }
    @used static func `does nothing 17`() { expect(17 == 17) }
    @used static func `does nothing 18`() { expect(18 == 18) }
    @used static func `does nothing 19`() { expect(19 == 19) }
    @used static func `does nothing 20`() { expect(20 == 20) }
    @used static func `does nothing 21`() { expect(21 == 21) }
    @used static func `does nothing 22`() { expect(22 == 22) }
    @used static func `does nothing 23`() { expect(23 == 23) }
    @used static func `does nothing 24`() { expect(24 == 24) }
    @used static func `does nothing 25`() { expect(25 == 25) }
    @used static func `does nothing 26`() { expect(26 == 26) }
    @used static func `does nothing 27`() { expect(27 == 27) }
    @used static func `does nothing 28`() { expect(28 == 28) }
    @used static func `does nothing 29`() { expect(29 == 29) }
    @used static func `does nothing 30`() { expect(30 == 30) }
    @used static func `does nothing 31`() { expect(31 == 31) }
    @used static func `does nothing 32`() { expect(32 == 32) }
    @used static func `does nothing 33`() { expect(33 == 33) }
    @used static func `does nothing 34`() { expect(34 == 34) }
    @used static func `does nothing 35`() { expect(35 == 35) }
    @used static func `does nothing 36`() { expect(36 == 36) }
    @used static func `does nothing 37`() { expect(37 == 37) }
    @used static func `does nothing 38`() { expect(38 == 38) }
    @used static func `does nothing 39`() { expect(39 == 39) }
    @used static func `does nothing 40`() { expect(40 == 40) }
    @used static func `does nothing 41`() { expect(41 == 41) }
    @used static func `does nothing 42`() { expect(42 == 42) }
    @used static func `does nothing 43`() { expect(43 == 43) }
    @used static func `does nothing 44`() { expect(44 == 44) }
    @used static func `does nothing 45`() { expect(45 == 45) }
    @used static func `does nothing 46`() { expect(46 == 46) }
    @used static func `does nothing 47`() { expect(47 == 47) }
    @used static func `does nothing 48`() { expect(48 == 48) }
    @used static func `does nothing 49`() { expect(49 == 49) }
}
