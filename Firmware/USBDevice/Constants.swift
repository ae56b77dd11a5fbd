// Numbers of USB 2.0, chapter 9.

/// bRequest of the standard requests (table 9-4).
enum StandardRequest: UInt8 {
    case getStatus = 0, clearFeature = 1, setFeature = 3, setAddress = 5, getDescriptor = 6
    case getConfiguration = 8, setConfiguration = 9, getInterface = 10, setInterface = 11
}

/// Standard feature selectors (table 9-6).
enum Feature {
    static var endpointHalt: UInt16 { 0 }
    static var deviceRemoteWakeup: UInt16 { 1 }
}

/// bmRequestType (table 9-2).
enum RequestType {
    static var toHost: UInt8 { 0x80 }
    static var kindMask: UInt8 { 0x60 }
}

/// The recipient in bmRequestType.
enum Recipient: UInt8 {
    case device, interface, endpoint
}

/// bDescriptorType (table 9-5; BOS: USB 3.2, 9.6.2).
public enum DescriptorType {
    /// Device descriptor, 18 bytes (9.6.1).
    public static var device: UInt8 { 1 }
    /// Configuration descriptor, with those of interfaces and endpoints behind it (9.6.3).
    public static var configuration: UInt8 { 2 }
    /// String descriptor, UTF-16; index 0 lists the languages (9.6.7).
    public static var string: UInt8 { 3 }
    /// Binary device object store, which a host asks for when bcdUSB is 2.10 or more.
    public static var bos: UInt8 { 15 }
}
