"""Runs a command in a umockdev testbed whose USB devices are those of usbredir sockets. Started by Tools/with-usb."""

import os
import signal
import struct
import subprocess
import sys
import threading

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402

from redirection import SUCCESS, Redirection  # noqa: E402
from usbfs import UsbFileSystem  # noqa: E402

BUS = 1


def wait_for(begin, seconds=60):
    """The status and value of a transfer."""
    done, result = threading.Event(), []
    begin(lambda status, value: (result.extend([status, value]), done.set()))
    return tuple(result) if done.wait(seconds) else (None, b"")


class Port:
    """One port of the only bus, and what is plugged into it: the hub driver's part of the kernel."""

    def __init__(self, testbed, number, path, denied):
        self.testbed, self.number, self.denied = testbed, number, denied
        self.lock = threading.Lock()
        self.device = None
        self.plugs = 0  # devices that were announced here, one after the other
        self.announced, self.settled = threading.Event(), threading.Event()
        self.redirection = Redirection(path, self.connected, self.disconnected)
        self.redirection.start()

    next_address = 1
    addresses = threading.Lock()

    def connected(self, redirection, facts):
        with self.lock:
            self.plugs += 1
            plug = self.plugs
        self.announced.set()
        # Enumeration waits for answers, which come on the calling thread.
        threading.Thread(target=self._settle, args=(plug,), daemon=True).start()

    def _settle(self, plug):
        try:
            self._enumerate(plug)
        finally:
            with self.lock:
                # One that left meanwhile has another behind it, or an empty port.
                if plug == self.plugs:
                    self.settled.set()

    def _enumerate(self, plug):
        def descriptor(type, index, language, length):
            status, data = wait_for(lambda done: self.redirection.control(0x80, 6, type << 8 | index, language, length, b"", done))
            return data if status == SUCCESS else None

        device = descriptor(1, 0, 0, 18)
        head = descriptor(2, 0, 0, 9)
        if not device or not head:
            return
        configuration = descriptor(2, 0, 0, struct.unpack_from("<H", head, 2)[0])
        if wait_for(lambda done: self.redirection.set_configuration(head[5], done))[0] != SUCCESS or not configuration:
            return

        def text(index):
            found = descriptor(3, index, 0x0409, 255) if index else None
            return found[2:].decode("utf-16-le") if found else None

        strings = {"manufacturer": text(device[14]), "product": text(device[15]), "serial": text(device[16])}
        with self.lock:
            if plug == self.plugs and not self.device:
                self._appear(device, configuration, strings)

    def _appear(self, device, configuration, strings):
        with Port.addresses:
            Port.next_address += 1
            address = Port.next_address
        usb, klass, subclass, protocol, size0, vendor, product, release = struct.unpack_from("<HBBBBHHH", device, 2)
        name, node = f"{BUS}-{self.number}", f"bus/usb/{BUS:03}/{address:03}"
        attributes = {
            "busnum": BUS, "devnum": address, "devpath": self.number, "speed": 12, "version": f"{usb >> 8:2x}.{usb & 255:02x}",
            "idVendor": f"{vendor:04x}", "idProduct": f"{product:04x}", "bcdDevice": f"{release:04x}",
            "bDeviceClass": f"{klass:02x}", "bDeviceSubClass": f"{subclass:02x}", "bDeviceProtocol": f"{protocol:02x}",
            "bMaxPacketSize0": size0, "bNumConfigurations": device[17], "bConfigurationValue": configuration[5],
            "bNumInterfaces": f"{configuration[4]:2}", "bmAttributes": f"{configuration[7]:02x}", "maxchild": 0,
            "bMaxPower": f"{configuration[8] * 2}mA", **{key: value for key, value in strings.items() if value is not None},
        }
        lines = [f"P: /devices/pci0000:00/usb{BUS}/{name}", f"N: {node}", "E: SUBSYSTEM=usb", "E: DEVTYPE=usb_device",
                 f"E: DEVNAME=/dev/{node}", f"E: BUSNUM={BUS:03}", f"E: DEVNUM={address:03}", "E: MAJOR=189",
                 f"E: MINOR={(BUS - 1) * 128 + address - 1}", f"E: PRODUCT={vendor:x}/{product:x}/{release:x}",
                 f"E: TYPE={klass}/{subclass}/{protocol}"]
        lines += [f"A: {key}={value}\\n" for key, value in attributes.items()]
        lines += [f"H: descriptors={(device + configuration).hex().upper()}"]
        handler = UsbFileSystem(self.redirection)
        # In this order: the node must not be there before somebody answers for it.
        self.testbed.attach_ioctl(f"/dev/{node}", handler)
        self.testbed.add_from_string("\n".join(lines) + "\n\n")
        path = f"{self.testbed.get_root_dir()}/dev/{node}"
        os.unlink(path)
        os.symlink(handler.node, path)
        os.chmod(handler.node, 0 if self.denied else 0o666)
        self.device = (f"/sys/devices/pci0000:00/usb{BUS}/{name}", f"/dev/{node}", path, handler)
        self.testbed.uevent(self.device[0], "add")

    def disconnected(self, redirection):
        with self.lock:
            # What is being enumerated is not to appear any more.
            self.plugs += 1
            self.announced.clear()
            self.settled.clear()
            if not self.device:
                return
            syspath, node, path, handler = self.device
            self.device = None
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
            handler.unplug()
            self.testbed.uevent(syspath, "remove")
            self.testbed.remove_device(syspath)
            self.testbed.detach_ioctl(node)


def main():
    arguments = sys.argv[1:]
    denied = arguments[:1] == ["--deny"]
    if denied:
        arguments = arguments[1:]
    if "--" not in arguments or arguments[0] == "--" or arguments[-1] == "--":
        print("usage: with-usb [--deny] SOCKET… -- COMMAND [ARGUMENT…]", file=sys.stderr)
        return 64
    split = arguments.index("--")
    sockets, command = arguments[:split], arguments[split + 1 :]
    testbed = UMockdev.Testbed.new()
    try:
        ports = [Port(testbed, number, path, denied) for number, path in enumerate(sockets, 1)]
    except OSError as error:
        print(f"with-usb: {sockets} cannot all be reached: {error}", file=sys.stderr)
        return 69
    for port in ports:
        # A socket without a device is an empty port. One that is announced is waited for, however busy the computer is: each of its transfers
        # has a limit of its own.
        while port.announced.wait(10) and not port.settled.wait(1):
            pass
    if denied and os.getuid() == 0:
        # Permissions do not bind root.
        root = testbed.get_root_dir()
        os.chmod(root, 0o777)  # the udev monitor makes its socket there
        for folder, _, files in os.walk(root + "/ioctl"):
            for name in files:
                os.chmod(f"{folder}/{name}", 0o777)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    child = subprocess.Popen(command)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: child.send_signal(number))
    code = child.wait()
    for port in ports:
        for complaint in port.redirection.complaints:
            print(f"with-usb: usbredir: {complaint}", file=sys.stderr)
            code = code or 70
    sys.stdout.flush()
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    sys.exit(main())
