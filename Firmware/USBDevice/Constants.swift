// Numbers of USB 2.0, chapter 9.

/// bRequest of the standard requests (table 9-4).
enum StandardRequest {
    static var getStatus: UInt8 { 0 }
    static var clearFeature: UInt8 { 1 }
    static var setFeature: UInt8 { 3 }
    static var setAddress: UInt8 { 5 }
    static var getDescriptor: UInt8 { 6 }
    static var getConfiguration: UInt8 { 8 }
    static var setConfiguration: UInt8 { 9 }
    static var getInterface: UInt8 { 10 }
    static var setInterface: UInt8 { 11 }
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
    static var device: UInt8 { 0 }
    static var interface: UInt8 { 1 }
    static var endpoint: UInt8 { 2 }
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
