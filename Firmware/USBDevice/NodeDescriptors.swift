// What a light node tells a host about itself. Numbers are tables of USB 2.0 where nothing else is said.

import HAL

/// Indices of string descriptors; 0 is the list of languages.
enum StringIndex: UInt8 {
    case manufacturer = 1, product, serialNumber, slipmux, bootloader
}

/// bInterfaceNumber of the two interfaces.
enum InterfaceNumber {
    static var slipmux: UInt8 { 0 }
    static var bootloader: UInt8 { 1 }
}

/// bRequest of the vendor requests by which hosts fetch platform descriptors; both are this device's choice.
public enum VendorRequest {
    /// Named by the WebUSB platform capability. No request is answered: there is no landing page.
    public static var webUSB: UInt8 { 0x01 }
    /// Named by the Microsoft OS 2.0 platform capability: fetches the set of descriptors, with 7 in wIndex.
    public static var microsoft: UInt8 { 0x02 }
}

/// Device descriptor (table 9-8). bcdUSB 2.10 says that there is a BOS; bcdDevice and iSerialNumber are filled in.
let deviceDescriptor: InlineArray<18, UInt8> = [
    18, 1, 0x10, 0x02, 0, 0, 0, 64,
    0x09, 0x12, 0x01, 0x00, 0x00, 0x00, 1, 2, 0, 1,
]

/// Configuration descriptor (table 9-10): powered by the bus, 100 mA at most, remote wakeup.
///
/// Interface 0: vendor-specific, subclass 0x4C, protocol 1: slipmux over a pair of bulk endpoints of 64 bytes.
/// Interface 1: the run-time half of Device Firmware Upgrade (USB DFU 1.1, 4.1). 0x0B in its functional descriptor: downloads, uploads,
/// and detaches by itself (bitWillDetach); then 255 ms for that, and 2048 bytes a block in the bootloader.
let configurationDescriptor: InlineArray<50, UInt8> = [
    9, 2, 50, 0, 2, 1, 0, 0xA0, 50,
    9, 4, 0, 0, 2, 0xFF, 0x4C, 1, 4,
    7, 5, 0x01, 2, 64, 0, 0,
    7, 5, 0x81, 2, 64, 0, 0,
    9, 4, 1, 0, 0, 0xFE, 1, 1, 5,
    9, 0x21, 0x0B, 255, 0, 0x00, 0x08, 0x10, 0x01,
]

/// Binary device object store (USB 3.2, 9.6.2) with two platform capabilities:
/// WebUSB (WebUSB API, "WebUSB Platform Capability Descriptor"): version 1.0, its bRequest, no landing page;
/// Microsoft OS 2.0 ("Microsoft OS 2.0 Descriptors Specification", table 4): Windows 8.1 and later, length of the set, its bRequest.
let binaryObjectStore: InlineArray<57, UInt8> = [
    5, 15, 57, 0, 2,
    24, 16, 5, 0,
    0x38, 0xB6, 0x08, 0x34, 0xA9, 0x09, 0xA0, 0x47, 0x8B, 0xFD, 0xA0, 0x76, 0x88, 0x15, 0xB6, 0x65,
    0x00, 0x01, 0x01, 0,
    28, 16, 5, 0,
    0xDF, 0x60, 0xDD, 0xD8, 0x89, 0x45, 0xC7, 0x4C, 0x9C, 0xD2, 0x65, 0x9D, 0x9E, 0x64, 0x8A, 0x9F,
    0x00, 0x00, 0x03, 0x06, 0x52, 0x01, 0x02, 0,
]

/// The set of Microsoft OS 2.0 descriptors: Windows gives each interface its WinUSB driver without being asked, and programs find the
/// interface by the GUID, which is this project's own.
enum MicrosoftDescriptors {
    static var count: UInt16 { 10 + 8 + 2 * functionCount }
    private static var functionCount: UInt16 { 8 + 20 + 132 }
    /// wIndex of the request for the set.
    static var requestIndex: UInt16 { 7 }

    static func write(to answer: inout USBAnswer) {
        header(10, type: 0, to: &answer)
        answer.append(0x0603_0000 as UInt32)  // Windows 8.1
        answer.append(count)
        header(8, type: 1, to: &answer)  // subset of the configuration
        answer.append(0 as UInt16)
        answer.append(count &- 10)
        function(InterfaceNumber.slipmux, "{6E82F66A-438A-444B-BC43-0BB7B164CC72}", to: &answer)
        function(InterfaceNumber.bootloader, "{B359858C-5C68-463A-9D6C-5F9397EB9738}", to: &answer)
    }

    private static func function(_ interface: UInt8, _ identifier: StaticString, to answer: inout USBAnswer) {
        header(8, type: 2, to: &answer)  // subset of the function
        answer.append(UInt16(interface))
        answer.append(functionCount)
        header(20, type: 3, to: &answer)  // compatible ID
        let name: StaticString = "WINUSB"
        for index in 0..<16 { answer.append(index < name.utf8CodeUnitCount ? name.utf8Start[index] : 0) }
        header(132, type: 4, to: &answer)  // registry property
        answer.append(7 as UInt16)  // REG_MULTI_SZ
        answer.append(42 as UInt16)
        answer.append(utf16: "DeviceInterfaceGUIDs\0")
        answer.append(80 as UInt16)
        answer.append(utf16: identifier)
        answer.append(utf16: "\0\0")
    }

    private static func header(_ length: UInt16, type: UInt16, to answer: inout USBAnswer) {
        answer.append(length)
        answer.append(type)
    }
}
