// What a device does besides chapter 9: descriptors, its own requests, and its endpoints.

import HAL

/// The functions of a device with one configuration, of value 1, whose interfaces have no alternate settings.
public protocol USBFunctions: ~Copyable {
    /// Interfaces of the configuration, numbered from 0.
    static var interfaceCount: UInt8 { get }
    /// Endpoint number `index` of those besides endpoint 0, and the interface that it belongs to; nil past the last.
    static func endpoint(_ index: Int) -> (interface: UInt8, endpoint: USBEndpoint)?

    /// Appends a descriptor (USB 2.0, table 9-5) to `answer`.
    ///
    /// - Returns: false when there is none: the host gets a STALL.
    mutating func describe(_ type: UInt8, _ index: UInt8, language: UInt16, to answer: inout USBAnswer) -> Bool

    /// Takes a class or vendor request without data from the host; appends what the host asked for to `answer`.
    ///
    /// - Returns: false to refuse it: the host gets a STALL.
    mutating func handle(_ setup: USBSetup, isConfigured: Bool, to answer: inout USBAnswer) -> Bool
    /// The host has acknowledged the status stage of a class or vendor request.
    mutating func finish(_ setup: USBSetup)

    /// A host has configured the device, also anew, or the configuration was lost.
    mutating func configurationChanged(isConfigured: Bool)
    /// The endpoint was opened, also anew; or else closed or halted. What it had loaded or armed is forgotten.
    mutating func endpointChanged(_ address: UInt8, isOpen: Bool)
    /// A packet came: read it now.
    mutating func received<Controller: USBDeviceController & ~Copyable>(_ address: UInt8, _ controller: inout Controller)
    /// What was loaded was acknowledged.
    mutating func sent(_ address: UInt8)
    /// After every event, and whenever the main loop asks: load and arm what can be.
    mutating func service<Controller: USBDeviceController & ~Copyable>(_ controller: inout Controller)
    /// Something waits to be sent: reason enough to wake the host.
    var wantsHost: Bool { get }
    /// The device is to be seen by the host.
    var wantsAttachment: Bool { get }
}
