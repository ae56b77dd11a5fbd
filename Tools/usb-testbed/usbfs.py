"""The Linux kernel's part for one device: USBDEVFS ioctls (include/uapi/linux/usbdevice_fs.h) on one side, usbredir on the other."""

import errno
import os
import struct
import sys
import termios
import threading

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import GLib, UMockdev  # noqa: E402

from redirection import BABBLE, CANCELLED, GONE, INVALID, STALL, SUCCESS, TIMEOUT  # noqa: E402

URB = struct.Struct("@BBiIPiiiiIIP")  # struct usbdevfs_urb without iso_frame_desc
URB_STATUS, URB_BUFFER, URB_ACTUAL = 4, 16, 28
CONTROL_TRANSFER = struct.Struct("@BBHHHIP")
BULK_TRANSFER = struct.Struct("@IIIP")
TYPE_ISO, TYPE_INTERRUPT, TYPE_CONTROL, TYPE_BULK = range(4)
ZERO_PACKET = 0x40
CAPABILITIES = 0x01 | 0x04 | 0x10  # zero packet, no packet size limit, reap after disconnect
STATUS = {SUCCESS: 0, CANCELLED: -errno.ENOENT, STALL: -errno.EPIPE, TIMEOUT: -errno.ETIMEDOUT, BABBLE: -errno.EOVERFLOW,
          INVALID: -errno.ENOENT, GONE: -errno.ESHUTDOWN}


def number_of(request):
    return request & 0xFF


class Transfer:
    """One URB of a client."""

    def __init__(self, client, urb, buffer, fields):
        self.client, self.urb, self.buffer, self.fields = client, urb, buffer, fields
        self.id = None
        self.discarded = False


class UsbFileSystem(UMockdev.IoctlBase):
    """Serves the device node of one device. umockdev calls it from its own thread, the redirection from another."""

    def __init__(self, redirection):
        super().__init__()
        self.redirection = redirection
        self.lock = threading.RLock()
        self.under_way = []
        self.done = []
        self.claimed = {}  # interface: client
        self.gone = False
        self.master, self.slave = os.openpty()
        self.interfaces = {}  # endpoint: interface
        self._writable(False)

    @property
    def node(self):
        return os.ttyname(self.slave)

    def _writable(self, on):
        # poll() says POLLOUT when there is an URB to reap: a terminal whose output is stopped is not writable.
        if not self.gone:
            termios.tcflow(self.slave, termios.TCOON if on else termios.TCOOFF)

    def unplug(self):
        with self.lock:
            if self.gone:
                return
            for transfer in list(self.under_way):
                self._finish(transfer, GONE, b"")
            self.gone = True
            # The terminal hangs up: poll() says POLLERR, as usbfs does when the device is gone.
            os.close(self.master)
            os.close(self.slave)

    # umockdev

    def do_handle_ioctl(self, client):
        try:
            return self._ioctl(client)
        except Exception as error:  # a fault here must not look like one of the device
            # … unless the program ended in the middle of its call.
            if not isinstance(error, GLib.Error):
                print(f"with-usb: {type(error).__name__}: {error}", file=sys.stderr)
            client.complete(-1, errno.EIO)
            return True

    def _ended(self, client):
        """True when the program behind `client` has closed the device or ended.

        umockdev does not tell, and when a program ends in the middle of a call does not know: then the terminal's users are counted.
        """
        return not client.get_connected() or len(self._users()) < 2

    def _users(self):
        """The processes that have the device open."""
        users = set()
        for process in os.listdir("/proc"):
            if not process.isdigit() or int(process) == os.getpid():
                continue
            try:
                for descriptor in os.scandir(f"/proc/{process}/fd"):
                    if os.readlink(descriptor.path) == self.node:
                        users.add(process)
            except OSError:
                pass
        return users

    def _bury(self, client):
        """What the kernel does when a program closes the device: its interfaces and transfers go."""
        with self.lock:
            self.claimed = {interface: owner for interface, owner in self.claimed.items() if owner is not client}
            for transfer in [t for t in self.under_way if t.client is client]:
                self.redirection.cancel(transfer.id)
            self.done = [t for t in self.done if t.client is not client]
            self._writable(bool(self.done))

    def _ioctl(self, client):
        request = client.get_request()
        size = request >> 16 & 0x3FFF
        argument = client.get_arg()
        number = number_of(request)
        with self.lock:
            handler = self.HANDLERS.get(number)
            if request >> 8 & 0xFF != ord("U"):
                client.complete(-1, errno.ENOTTY)
                return True
            if self.gone and number not in (12, 13):
                client.complete(-1, errno.ENODEV)
                return True
            if handler is None:
                client.complete(-1, errno.ENOTTY)
                return True
            data = argument.resolve(0, size) if size else argument
            handler(self, client, data)
            return True

    # The ioctls, by number

    def _control(self, client, data):
        type, request, value, index, length, timeout, _ = CONTROL_TRANSFER.unpack(bytes(data.retrieve())[: CONTROL_TRANSFER.size])
        buffer = data.resolve(16, length) if length else None
        outgoing = bytes(buffer.retrieve()) if buffer and not type & 0x80 else b""
        self._synchronous(client, buffer if type & 0x80 else None, timeout, lambda done: self.redirection.control(
            type, request, value, index, length, outgoing, done))

    def _bulk(self, client, data):
        endpoint, length, timeout, _ = BULK_TRANSFER.unpack(bytes(data.retrieve())[: BULK_TRANSFER.size])
        buffer = data.resolve(16, length) if length else None
        outgoing = bytes(buffer.retrieve()) if buffer and not endpoint & 0x80 else b""
        self._synchronous(client, buffer if endpoint & 0x80 else None, timeout, lambda done: self.redirection.bulk(
            endpoint, length, outgoing, done))

    def _synchronous(self, client, buffer, timeout, begin):
        state = {}

        def done(status, value):
            timer = state.get("timer")
            if timer:
                timer.cancel()
            if status != SUCCESS:
                code = errno.ETIMEDOUT if state.get("late") else -STATUS.get(status, -errno.EPROTO)
                client.complete(-1, errno.ENODEV if status == GONE else code)
                return
            if isinstance(value, bytes):
                if buffer and value:
                    buffer.update(0, list(value))
                client.complete(len(value), 0)
            else:
                client.complete(value, 0)

        def late():
            state["late"] = True
            self.redirection.cancel(state["id"])

        state["id"] = begin(done)
        if timeout:
            state["timer"] = threading.Timer(timeout / 1000, late)
            state["timer"].daemon = True
            state["timer"].start()

    def _submit(self, client, data):
        fields = URB.unpack(bytes(data.retrieve())[: URB.size])
        type, endpoint, _, flags, _, length = fields[:6]
        if type == TYPE_ISO:
            client.complete(-1, errno.EINVAL)
            return
        buffer = data.resolve(URB_BUFFER, length) if length else None
        content = bytes(buffer.retrieve()) if buffer else b""
        transfer = Transfer(client, data, buffer, fields)
        self.under_way.append(transfer)

        def done(status, value):
            with self.lock:
                self._finish(transfer, status, value)

        # The ioctl is over before the transfer can be.
        client.complete(0, 0)
        if type == TYPE_CONTROL:
            kind, request, value, index, wanted = struct.unpack("<BBHHH", content[:8])
            transfer.id = self.redirection.control(
                kind, request, value, index, wanted, b"" if kind & 0x80 else content[8 : 8 + wanted], done)
        elif type == TYPE_INTERRUPT and endpoint & 0x80:
            transfer.id = self.redirection.interrupt_in(endpoint, done)
        elif type == TYPE_INTERRUPT:
            transfer.id = self.redirection.interrupt_out(endpoint, content, done)
        else:
            outgoing = b"" if endpoint & 0x80 else content
            size = self.redirection.sizes.get(endpoint, 64) or 64
            if outgoing and flags & ZERO_PACKET and len(outgoing) % size == 0:

                def empty(status, value):
                    if status != SUCCESS:
                        return done(status, value)
                    transfer.id = self.redirection.bulk(endpoint, 0, b"", lambda status, _: done(status, value))

                transfer.id = self.redirection.bulk(endpoint, length, outgoing, empty)
            else:
                transfer.id = self.redirection.bulk(endpoint, length, outgoing, done)

    def _finish(self, transfer, status, value):
        if transfer not in self.under_way:
            return
        self.under_way.remove(transfer)
        code = STATUS.get(status, -errno.EPROTO)
        count = value
        if isinstance(value, bytes):
            offset = 8 if transfer.fields[0] == TYPE_CONTROL else 0
            value = value[: max(transfer.fields[5] - offset, 0)]
            count = len(value)
            if value and transfer.buffer:
                transfer.buffer.update(offset, list(value))
        transfer.urb.update(URB_STATUS, list(struct.pack("@i", code)))
        transfer.urb.update(URB_ACTUAL, list(struct.pack("@i", count)))
        self.done.append(transfer)
        self._writable(True)

    def _discard(self, client, argument):
        address = struct.unpack("@P", bytes(argument.retrieve())[:8])[0]
        for transfer in self.under_way:
            if transfer.client is client and transfer.urb.client_addr == address:
                client.complete(0, 0)
                self.redirection.cancel(transfer.id)
                return
        client.complete(-1, errno.EINVAL)

    def _reap(self, client, data):
        for transfer in self.done:
            if transfer.client is client:
                self.done.remove(transfer)
                data.set_ptr(0, transfer.urb)
                if not self.done:
                    self._writable(False)
                client.complete(0, 0)
                return
        client.complete(-1, errno.ENODEV if self.gone else errno.EAGAIN)

    def _reset_endpoint(self, client, data):
        client.complete(0, 0)

    def _set_interface(self, client, data):
        interface, alternate = struct.unpack("@II", bytes(data.retrieve())[:8])
        self.redirection.set_alternate(interface, alternate, lambda status, _: self._answer(client, status))

    def _set_configuration(self, client, data):
        (value,) = struct.unpack("@i", bytes(data.retrieve())[:4])
        if self.claimed:
            client.complete(-1, errno.EBUSY)
            return
        self.redirection.set_configuration(max(value, 0), lambda status, _: self._answer(client, status))

    def _answer(self, client, status):
        if status == SUCCESS:
            client.complete(0, 0)
        else:
            client.complete(-1, errno.ENODEV if status == GONE else -STATUS.get(status, -errno.EPROTO))

    def _no_driver(self, client, data):
        client.complete(-1, errno.ENODATA)

    def _claim(self, client, data):
        (interface,) = struct.unpack("@I", bytes(data.retrieve())[:4])

        def claim(tries):
            with self.lock:
                owner = self.claimed.setdefault(interface, client)
                if owner is client:
                    return client.complete(0, 0)
                if self._ended(owner):
                    self._bury(owner)
                    self.claimed[interface] = client
                    return client.complete(0, 0)
            if not tries:
                return client.complete(-1, errno.EBUSY)
            # The kernel learns of a program's end at once, this program a moment later.
            timer = threading.Timer(0.1, claim, [tries - 1])
            timer.daemon = True
            timer.start()

        claim(5)

    def _release(self, client, data):
        (interface,) = struct.unpack("@I", bytes(data.retrieve())[:4])
        if self.claimed.get(interface) is client:
            del self.claimed[interface]
            client.complete(0, 0)
        else:
            client.complete(-1, errno.EINVAL)

    def _reset(self, client, data):
        self.redirection.reset()
        # Answered in order: when this comes back, the reset is over.
        self.redirection.control(0x80, 8, 0, 0, 1, b"", lambda status, _: self._answer(client, status))

    def _clear_halt(self, client, data):
        (endpoint,) = struct.unpack("@I", bytes(data.retrieve())[:4])
        self.redirection.control(2, 1, 0, endpoint, 0, b"", lambda status, _: self._answer(client, status))

    def _capabilities(self, client, data):
        data.update(0, list(struct.pack("@I", CAPABILITIES)))
        client.complete(0, 0)

    def _disconnect_claim(self, client, data):
        self._claim(client, data)

    def _speed(self, client, data):
        client.complete(2, 0)  # USB_SPEED_FULL

    HANDLERS = {
        0: _control, 2: _bulk, 3: _reset_endpoint, 4: _set_interface, 5: _set_configuration, 8: _no_driver, 10: _submit,
        11: _discard, 12: _reap, 13: _reap, 15: _claim, 16: _release, 18: _no_driver, 20: _reset, 21: _clear_halt,
        26: _capabilities, 27: _disconnect_claim, 31: _speed,
    }
