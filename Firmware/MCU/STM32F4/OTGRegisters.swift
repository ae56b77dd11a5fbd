// Registers and bits of the USB on-the-go full-speed controller as far as a device needs them, named as in RM 22.16.

/// Offsets.
enum OTG {
    static var ahbConfiguration: UInt32 { 0x008 }  // GAHBCFG
    static var usbConfiguration: UInt32 { 0x00C }  // GUSBCFG
    static var reset: UInt32 { 0x010 }  // GRSTCTL
    static var interruptStatus: UInt32 { 0x014 }  // GINTSTS
    static var interruptMask: UInt32 { 0x018 }  // GINTMSK
    static var receiveStatusPop: UInt32 { 0x020 }  // GRXSTSP
    static var receiveFIFOSize: UInt32 { 0x024 }  // GRXFSIZ
    static var generalConfiguration: UInt32 { 0x038 }  // GCCFG
    static var deviceConfiguration: UInt32 { 0x800 }  // DCFG
    static var deviceControl: UInt32 { 0x804 }  // DCTL
    static var deviceStatus: UInt32 { 0x808 }  // DSTS
    static var inMask: UInt32 { 0x810 }  // DIEPMSK
    static var outMask: UInt32 { 0x814 }  // DOEPMSK
    static var allInterrupts: UInt32 { 0x818 }  // DAINT: 15:0 IN, 31:16 OUT
    static var allInterruptsMask: UInt32 { 0x81C }  // DAINTMSK
    static var power: UInt32 { 0xE00 }  // PCGCCTL

    /// DIEPTXF0, DIEPTXF1…3.
    static func transmitFIFOSize(_ number: UInt32) -> UInt32 { number == 0 ? 0x028 : 0x100 + 4 * number }
    static func inControl(_ number: UInt32) -> UInt32 { 0x900 + 0x20 * number }  // DIEPCTLx
    static func inInterrupt(_ number: UInt32) -> UInt32 { 0x908 + 0x20 * number }  // DIEPINTx
    static func inSize(_ number: UInt32) -> UInt32 { 0x910 + 0x20 * number }  // DIEPTSIZx
    static func outControl(_ number: UInt32) -> UInt32 { 0xB00 + 0x20 * number }  // DOEPCTLx
    static func outInterrupt(_ number: UInt32) -> UInt32 { 0xB08 + 0x20 * number }  // DOEPINTx
    static func outSize(_ number: UInt32) -> UInt32 { 0xB10 + 0x20 * number }  // DOEPTSIZx
    static func fifo(_ number: UInt32) -> UInt32 { 0x1000 * (number + 1) }
}

enum GAHBCFG {
    static var interrupts: UInt32 { 1 << 0 }  // GINT
}

enum GUSBCFG {
    static var fullSpeedPHY: UInt32 { 1 << 6 }  // PHYSEL
    static var turnaround: UInt32 { 6 << 10 }  // TRDT for an AHB of 32 MHz or more (RM 22.16.2)
    static var turnaroundMask: UInt32 { 0xF << 10 }
    static var forceDevice: UInt32 { 1 << 30 }  // FDMOD
}

enum GRSTCTL {
    static var core: UInt32 { 1 << 0 }  // CSRST
    static var flushReceive: UInt32 { 1 << 4 }  // RXFFLSH
    static var flushTransmit: UInt32 { 1 << 5 }  // TXFFLSH
    static func fifo(_ number: UInt32) -> UInt32 { number << 6 }  // TXFNUM; 0x10 is all
    static var idle: UInt32 { 1 << 31 }  // AHBIDL
}

/// Bits of GINTSTS and GINTMSK.
enum GINT {
    static var hostMode: UInt32 { 1 << 0 }  // CMOD
    static var receive: UInt32 { 1 << 4 }  // RXFLVL
    static var suspended: UInt32 { 1 << 11 }  // USBSUSP
    static var reset: UInt32 { 1 << 12 }  // USBRST
    static var enumerated: UInt32 { 1 << 13 }  // ENUMDNE
    static var inEndpoint: UInt32 { 1 << 18 }  // IEPINT
    static var outEndpoint: UInt32 { 1 << 19 }  // OEPINT
    static var wakeup: UInt32 { 1 << 31 }  // WKUPINT
    static var used: UInt32 { receive | suspended | reset | enumerated | inEndpoint | outEndpoint | wakeup }
}

enum GCCFG {
    static var powerOn: UInt32 { 1 << 16 }  // PWRDWN
    static var noVBUSSensing: UInt32 { 1 << 21 }  // NOVBUSSENS
}

enum DCFG {
    static var fullSpeed: UInt32 { 3 }  // DSPD
    static var addressMask: UInt32 { 0x7F << 4 }  // DAD
    static func address(_ address: UInt32) -> UInt32 { address << 4 }
}

enum DCTL {
    static var remoteWakeup: UInt32 { 1 << 0 }  // RWUSIG
    static var softDisconnect: UInt32 { 1 << 1 }  // SDIS
    static var clearGlobalInNAK: UInt32 { 1 << 8 }  // CGINAK
    static var clearGlobalOutNAK: UInt32 { 1 << 10 }  // CGONAK
}

enum DSTS {
    static var suspended: UInt32 { 1 << 0 }  // SUSPSTS
}

/// Bits of DIEPCTLx and DOEPCTLx.
enum EPCTL {
    static var active: UInt32 { 1 << 15 }  // USBAEP
    static func type(_ type: UInt32) -> UInt32 { type << 18 }  // EPTYP
    static var stall: UInt32 { 1 << 21 }  // STALL
    static func transmitFIFO(_ number: UInt32) -> UInt32 { number << 22 }  // TXFNUM, IN only
    static var clearNAK: UInt32 { 1 << 26 }  // CNAK
    static var setNAK: UInt32 { 1 << 27 }  // SNAK
    static var data0: UInt32 { 1 << 28 }  // SD0PID
    static var disable: UInt32 { 1 << 30 }  // EPDIS
    static var enable: UInt32 { 1 << 31 }  // EPENA
    /// Bits that do something when written as 1, whatever they read as.
    static var actions: UInt32 { clearNAK | setNAK | data0 | 1 << 29 | disable | enable }
}

/// Bits of DIEPINTx and DOEPINTx.
enum EPINT {
    static var transferComplete: UInt32 { 1 << 0 }  // XFRC
    static var disabled: UInt32 { 1 << 1 }  // EPDISD
    static var setup: UInt32 { 1 << 3 }  // STUP, OUT only
    static var nakEffective: UInt32 { 1 << 6 }  // INEPNE, IN only
}

/// DIEPTSIZx and DOEPTSIZx.
enum EPTSIZ {
    static func packet(_ bytes: UInt32) -> UInt32 { 1 << 19 | bytes }  // PKTCNT 1, XFRSIZ
    static var threeSetups: UInt32 { 3 << 29 }  // STUPCNT
}

/// PKTSTS in GRXSTSP.
enum PKTSTS {
    static var data: UInt32 { 2 }
    static var setup: UInt32 { 6 }
}
