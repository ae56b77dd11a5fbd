"""A usbredir client on the usbredir project's own parser (libusbredirparser, through ctypes): a second opinion on every message of our server."""

import ctypes as c
import select
import socket
import threading

HELLO_CAPABILITIES = (1, 3, 4, 5, 6)  # device version, disconnect ack, max packet size, 64-bit ids, 32-bit bulk length
SUCCESS, CANCELLED, INVALID, IO_ERROR, STALL, TIMEOUT, BABBLE = range(7)
GONE = -1

u8, u16, u32, u64, void = c.c_uint8, c.c_uint16, c.c_uint32, c.c_uint64, c.c_void_p


class Packed(c.LittleEndianStructure):
    _pack_ = 1


class DeviceConnect(Packed):
    _fields_ = [("speed", u8), ("klass", u8), ("subclass", u8), ("protocol", u8), ("vendor", u16), ("product", u16), ("release", u16)]


class EndpointInfo(Packed):
    _fields_ = [("type", u8 * 32), ("interval", u8 * 32), ("interface", u8 * 32), ("size", u16 * 32), ("streams", u32 * 32)]


class Configuration(Packed):
    _fields_ = [("configuration", u8)]


class ConfigurationStatus(Packed):
    _fields_ = [("status", u8), ("configuration", u8)]


class Alternate(Packed):
    _fields_ = [("interface", u8), ("alt", u8)]


class AlternateStatus(Packed):
    _fields_ = [("status", u8), ("interface", u8), ("alt", u8)]


class InterruptStart(Packed):
    _fields_ = [("endpoint", u8)]


class Control(Packed):
    _fields_ = [
        ("endpoint", u8), ("request", u8), ("requesttype", u8), ("status", u8), ("value", u16), ("index", u16), ("length", u16)]


class Bulk(Packed):
    _fields_ = [("endpoint", u8), ("status", u8), ("length", u16), ("stream", u32), ("length_high", u16)]


class Interrupt(Packed):
    _fields_ = [("endpoint", u8), ("status", u8), ("length", u16)]


def callback(result, *arguments):
    return c.CFUNCTYPE(result, void, *arguments)


LOG = callback(None, c.c_int, c.c_char_p)
TRANSPORT = callback(c.c_int, c.POINTER(u8), c.c_int)
PLAIN = callback(None)
WITH_HEADER = callback(None, void)
WITH_ID = callback(None, u64)
WITH_ID_AND_HEADER = callback(None, u64, void)
WITH_DATA = callback(None, u64, void, void, c.c_int)


class Parser(c.Structure):
    """`struct usbredirparser` of usbredirparser.h, its public part."""

    _fields_ = [("priv", void)] + [
        (name, c.c_void_p)
        for name in (
            "log read write device_connect device_disconnect reset interface_info ep_info set_configuration get_configuration "
            "configuration_status set_alt_setting get_alt_setting alt_setting_status start_iso_stream stop_iso_stream "
            "iso_stream_status start_interrupt_receiving stop_interrupt_receiving interrupt_receiving_status alloc_bulk_streams "
            "free_bulk_streams bulk_streams_status cancel_data_packet control_packet bulk_packet iso_packet interrupt_packet "
            "alloc_lock lock unlock free_lock hello filter_reject filter_filter device_disconnect_ack start_bulk_receiving "
            "stop_bulk_receiving bulk_receiving_status buffered_bulk_packet"
        ).split()
    ]


library = c.CDLL("libusbredirparser.so.1")
library.usbredirparser_create.restype = c.POINTER(Parser)


class Redirection:
    """One device behind a usbredir socket. Completions are called from the reading thread, without a lock held."""

    def __init__(self, path, on_connect, on_disconnect):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.socket.setblocking(False)
        self.path = path
        self.on_connect, self.on_disconnect = on_connect, on_disconnect
        self.lock = threading.RLock()
        self.last_id = 0
        self.waiting = {}  # id: completion(status, data or count)
        self.sizes = {}  # endpoint: max packet size
        self.interrupts = {}  # endpoint: [packets], [waiting completions]
        self.events = []  # to be called when the lock is free
        self.complaints = []
        self.closed = False
        self.parser = library.usbredirparser_create()
        self._install()
        capabilities = (u32 * 1)()
        for capability in HELLO_CAPABILITIES:
            library.usbredirparser_caps_set_cap(capabilities, capability)
        library.usbredirparser_init(self.parser, b"umockdev testbed", capabilities, 1, 0)
        self._flush()

    def start(self):
        threading.Thread(target=self._run, daemon=True).start()

    def _install(self):
        def header(type, pointer):
            return c.cast(pointer, c.POINTER(type)).contents

        def data_of(pointer, length):
            data = c.string_at(pointer, length) if pointer and length > 0 else b""
            if pointer:
                library.usbredirparser_free_packet_data(self.parser, c.c_void_p(pointer))
            return data

        def read(_, buffer, count):
            try:
                data = self.socket.recv(count)
            except BlockingIOError:
                return 0
            except OSError:
                return -1
            if not data:
                self.closed = True
                return -1
            c.memmove(buffer, data, len(data))
            return len(data)

        def write(_, buffer, count):
            try:
                return self.socket.send(c.string_at(buffer, count))
            except BlockingIOError:
                return 0
            except OSError:
                return -1

        def ep_info(_, pointer):
            info = header(EndpointInfo, pointer)
            self.sizes = {(i & 16) << 3 | i & 15: info.size[i] for i in range(32) if info.type[i] != 255}

        def connected(_, pointer):
            found = header(DeviceConnect, pointer)
            facts = {name: getattr(found, name) for name, _ in DeviceConnect._fields_}
            self.events.append(lambda: self.on_connect(self, facts))

        def disconnected(_):
            self._fail_all()
            self.events.append(lambda: self.on_disconnect(self))

        def finish(id, status, value):
            completion = self.waiting.pop(id, None)
            if completion:
                self.events.append(lambda: completion(status, value))

        def control(_, id, pointer, data, length):
            packet = header(Control, pointer)
            received = data_of(data, length)
            finish(id, packet.status, received if packet.requesttype & 0x80 else packet.length)

        def bulk(_, id, pointer, data, length):
            packet = header(Bulk, pointer)
            received = data_of(data, length)
            finish(id, packet.status, received if packet.endpoint & 0x80 else packet.length | packet.length_high << 16)

        def interrupt(_, id, pointer, data, length):
            packet = header(Interrupt, pointer)
            received = data_of(data, length)
            if not packet.endpoint & 0x80:
                return finish(id, packet.status, packet.length)
            packets, waiting = self.interrupts.setdefault(packet.endpoint, ([], []))
            packets.append((packet.status, received))
            self._match_interrupts(packet.endpoint)

        def configuration(_, id, pointer):
            finish(id, header(ConfigurationStatus, pointer).status, 0)

        def alternate(_, id, pointer):
            finish(id, header(AlternateStatus, pointer).status, 0)

        def log(_, level, text):
            if level <= 2:
                self.complaints.append(text.decode())

        functions = {
            "log": LOG(log), "read": TRANSPORT(read), "write": TRANSPORT(write), "ep_info": WITH_HEADER(ep_info),
            "interface_info": WITH_HEADER(lambda *_: None), "device_connect": WITH_HEADER(connected),
            "device_disconnect": PLAIN(disconnected), "control_packet": WITH_DATA(control), "bulk_packet": WITH_DATA(bulk),
            "interrupt_packet": WITH_DATA(interrupt), "configuration_status": WITH_ID_AND_HEADER(configuration),
            "alt_setting_status": WITH_ID_AND_HEADER(alternate), "hello": WITH_HEADER(lambda *_: None),
            "interrupt_receiving_status": WITH_ID_AND_HEADER(lambda *_: None),
        }
        self.functions = functions  # ctypes keeps no reference
        for name, function in functions.items():
            setattr(self.parser.contents, name, c.cast(function, c.c_void_p).value)

    # The reading thread

    def _run(self):
        while not self.closed:
            ready, _, _ = select.select([self.socket], [], [], 1)
            with self.lock:
                if ready and library.usbredirparser_do_read(self.parser) == -2:
                    self.complaints.append("a message could not be parsed")
                self._flush()
                events, self.events = self.events, []
            for event in events:
                event()
        with self.lock:
            self._fail_all()
            events, self.events = self.events, []
        for event in events:
            event()
        self.on_disconnect(self)

    def _flush(self):
        while library.usbredirparser_has_data_to_write(self.parser):
            if library.usbredirparser_do_write(self.parser) != 0:
                self.closed = True
                return
            if library.usbredirparser_has_data_to_write(self.parser):
                select.select([], [self.socket], [], 1)

    def _fail_all(self):
        for completion in self.waiting.values():
            self.events.append(lambda completion=completion: completion(GONE, b""))
        for _, waiting in self.interrupts.values():
            for _, completion in waiting:
                self.events.append(lambda completion=completion: completion(GONE, b""))
        self.waiting, self.interrupts = {}, {}

    def _match_interrupts(self, endpoint):
        packets, waiting = self.interrupts[endpoint]
        while packets and waiting:
            (status, data), (_, completion) = packets.pop(0), waiting.pop(0)
            self.events.append(lambda: completion(status, data))

    # What a host asks

    def _begin(self, completion, send):
        with self.lock:
            if self.closed:
                return completion(GONE, b"")
            self.last_id += 1
            self.waiting[self.last_id] = completion
            send(c.c_uint64(self.last_id))
            self._flush()
            return self.last_id

    def control(self, type, request, value, index, length, data, completion):
        header = Control(type & 0x80, request, type, 0, value, index, length)
        buffer = (u8 * max(len(data), 1))(*data)
        return self._begin(completion, lambda id: library.usbredirparser_send_control_packet(
            self.parser, id, c.byref(header), buffer if data else None, len(data)))

    def bulk(self, endpoint, length, data, completion):
        header = Bulk(endpoint, 0, length & 0xFFFF, 0, length >> 16)
        buffer = (u8 * max(len(data), 1))(*data)
        return self._begin(completion, lambda id: library.usbredirparser_send_bulk_packet(
            self.parser, id, c.byref(header), buffer if data else None, len(data)))

    def interrupt_out(self, endpoint, data, completion):
        header = Interrupt(endpoint, 0, len(data))
        buffer = (u8 * max(len(data), 1))(*data)
        return self._begin(completion, lambda id: library.usbredirparser_send_interrupt_packet(
            self.parser, id, c.byref(header), buffer, len(data)))

    def interrupt_in(self, endpoint, completion):
        with self.lock:
            self.last_id += 1
            if endpoint not in self.interrupts:
                self.interrupts[endpoint] = ([], [])
                start = InterruptStart(endpoint)
                library.usbredirparser_send_start_interrupt_receiving(self.parser, c.c_uint64(0), c.byref(start))
            self.interrupts[endpoint][1].append((self.last_id, completion))
            self._match_interrupts(endpoint)
            self._flush()
            return self.last_id

    def set_configuration(self, value, completion):
        header = Configuration(value)
        return self._begin(completion, lambda id: library.usbredirparser_send_set_configuration(self.parser, id, c.byref(header)))

    def set_alternate(self, interface, alternate, completion):
        header = Alternate(interface, alternate)
        return self._begin(completion, lambda id: library.usbredirparser_send_set_alt_setting(self.parser, id, c.byref(header)))

    def reset(self):
        with self.lock:
            library.usbredirparser_send_reset(self.parser)
            self._flush()

    def cancel(self, id):
        """The transfer's completion is called with CANCELLED, unless it has ended meanwhile."""
        with self.lock:
            if id in self.waiting:
                library.usbredirparser_send_cancel_data_packet(self.parser, c.c_uint64(id))
            for _, waiting in self.interrupts.values():
                for entry in [entry for entry in waiting if entry[0] == id]:
                    waiting.remove(entry)
                    self.events.append(lambda entry=entry: entry[1](CANCELLED, b""))
            self._flush()

    def close(self):
        with self.lock:
            self.closed = True
            self.socket.close()
