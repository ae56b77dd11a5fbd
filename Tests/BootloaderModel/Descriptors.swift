// The descriptors of the STM32F4 bootloader, as `lsusb -v` shows them of a real one (0483:df11, bcdDevice 22.00), and of a running node.
import VirtualUSB

extension DescriptorSet {
    /// One interface with an alternate setting per memory, and the DFU functional descriptor: downloads, uploads, leaves by itself,
    /// 255 ms, blocks of 2048 bytes, DfuSe 1.1a.
    static func bootloader(serial: String) -> DescriptorSet {
        var body: [UInt8] = []
        var strings: [UInt8: String] = [1: "STMicroelectronics", 2: "STM32  BOOTLOADER", 3: serial]
        for (alternate, name) in STM32Bootloader.alternateNames.enumerated() {
            let string = UInt8(4 + alternate)
            strings[string] = name
            body += interface(0, alternate: UInt8(alternate), endpoints: 0, class: 0xFE, subclass: 1, protocol: 2, string: string)
        }
        body += [9, 0x21, 0x0B, 255, 0, 0x00, 0x08, 0x1A, 0x01]
        var configuration = configuration(interfaceCount: 1, body)
        // bmAttributes: powered by itself.
        configuration[7] = 0xC0
        return DescriptorSet(
            device: device(usb: 0x0100, vendor: 0x0483, product: 0xDF11, release: 0x2200), configuration: configuration,
            strings: strings)
    }

    /// What flashing needs of a running node: the run-time half of DFU (DFU 1.1, 4.1) as its interface 1.
    static func node(serial: String) -> DescriptorSet {
        let body =
            interface(0, endpoints: 2, class: 0xFF, subclass: 0x4C, protocol: 1) + endpoint(0x01) + endpoint(0x81)
            + interface(1, endpoints: 0, class: 0xFE, subclass: 1, protocol: 1, string: 4) + [
                9, 0x21, 0x0B, 255, 0, 0x00, 0x08, 0x10, 0x01,
            ]
        return DescriptorSet(
            device: device(vendor: 0x1209, product: 0x0001), configuration: configuration(interfaceCount: 2, body),
            strings: [1: "lightnode", 2: "Light node blackpill-f411", 3: serial, 4: "bootloader"])
    }
}
