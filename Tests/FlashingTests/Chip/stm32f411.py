#!/usr/bin/env python3
"""An STM32F411 at its JTAG port, for OpenOCD's remote_bitbang adapter: two TAPs, a debug port, a memory access port, a core that only halts and
resumes, and a flash behind its registers. Written from ARM IHI 0031 (ADIv5), the ARMv7-M manual (C1) and RM0383 (3, 23); it shares nothing with
the programs under test.

usage: stm32f411.py PORTFILE FLASHFILE    serves one connection after another on a free port, written to PORTFILE; the flash is FLASHFILE"""
import os
import socket
import struct
import sys

FLASH, FLASH_SIZE, RAM, RAM_SIZE = 0x08000000, 512 << 10, 0x20000000, 128 << 10
SECTORS = [16 << 10] * 4 + [64 << 10] + [128 << 10] * 3
KEYR, SR, CR, OPTCR = 0x40023C04, 0x40023C0C, 0x40023C10, 0x40023C14
DHCSR, DCRSR, DCRDR, DEMCR, AIRCR = 0xE000EDF0, 0xE000EDF4, 0xE000EDF8, 0xE000EDFC, 0xE000ED0C


class Chip:
    """Memory as the debug port sees it."""

    def __init__(self, file):
        self.file = file
        with open(file, "rb") as contents:
            self.flash = bytearray(contents.read().ljust(FLASH_SIZE, b"\xff"))
        self.ram = bytearray(RAM_SIZE)
        self.words = {
            0xE0042000: 0x10006431,  # DBGMCU_IDCODE
            0x1FFF7A20: FLASH_SIZE >> 10 << 16,  # flash size, upper half of this word
            0xE000ED00: 0x410FC241,  # CPUID
            0xE0002000: 0x00000260, 0xE0001000: 0x40000000,  # FPB and DWT
            CR: 1 << 31, OPTCR: 0x0FFFAAED,
        }
        self.keys = []
        self.core = [0] * 128
        self.debug = self.halted = self.was_reset = False

    def save(self):
        with open(self.file, "wb") as contents:
            contents.write(self.flash)

    def _place(self, address):
        if FLASH <= address < FLASH + FLASH_SIZE:
            return self.flash, address - FLASH
        if RAM <= address < RAM + RAM_SIZE:
            return self.ram, address - RAM
        return None, 0

    def read(self, address):
        memory, offset = self._place(address)
        if memory is not None:
            return struct.unpack_from("<I", memory, offset)[0]
        if address == DHCSR:
            value = self.debug | self.halted << 1 | 1 << 16 | self.halted << 17 | self.was_reset << 25
            self.was_reset = False
            return value
        return self.words.get(address, 0)

    def write(self, address, value, mask):
        memory, offset = self._place(address)
        if memory is self.flash:
            # Programming clears bits, and only with PG set.
            if self.words[CR] & 1:
                struct.pack_into("<I", memory, offset, self.read(address) & (value | ~mask & 0xFFFFFFFF))
        elif memory is not None:
            struct.pack_into("<I", memory, offset, self.read(address) & ~mask & 0xFFFFFFFF | value & mask)
        elif address == DHCSR:
            if value >> 16 == 0xA05F:
                self.debug = bool(value & 1)
                self.halted = self.debug and bool(value & 2)
        elif address == DCRSR:
            number = value & 0x7F
            if value & 1 << 16:
                self.core[number] = self.words.get(DCRDR, 0)
            else:
                self.words[DCRDR] = self.core[number]
        elif address == AIRCR:
            if value & 5:
                self.was_reset = True
                self.halted = self.debug and bool(self.words.get(DEMCR, 0) & 1)
                self.core[13], self.core[15] = self.read(FLASH), self.read(FLASH + 4) & ~1
        elif address == KEYR:
            self.keys = (self.keys + [value])[-2:]
            if self.keys == [0x45670123, 0xCDEF89AB]:
                self.words[CR] &= ~(1 << 31)
        elif address == SR:
            self.words[SR] = self.words.get(SR, 0) & ~value
        elif address == CR:
            self._control(value)
        else:
            self.words[address] = value

    def _control(self, value):
        if self.words[CR] >> 31 and not value >> 31:
            return  # locked
        self.words[CR] = value & ~(1 << 16)
        if value & 1 << 16 and value & 2:  # STRT, SER
            number = value >> 3 & 15
            if number < len(SECTORS):
                start = sum(SECTORS[:number])
                self.flash[start : start + SECTORS[number]] = b"\xff" * SECTORS[number]
        elif value & 1 << 16 and value & 4:  # STRT, MER
            self.flash[:] = b"\xff" * FLASH_SIZE


class DebugPort:
    """JTAG-DP with one AHB-AP. Reads are posted: each answers what the one before found."""

    def __init__(self, chip):
        self.chip = chip
        self.select = self.control = self.csw = self.tar = self.found = 0

    def access(self, is_ap, address, value, is_read):
        if is_ap:
            register = self.select & 0xF0 | address
            present = self.select >> 24 == 0
            if is_read:
                self.found = self._read_ap(register) if present else 0
            elif present:
                self._write_ap(register, value)
        elif is_read:
            answers = {4: self.control & 0x50000000 | (self.control & 0x50000000) << 1 | self.control & 1, 8: self.select}
            if address != 12:  # RDBUFF leaves it as it is
                self.found = answers.get(address, 0)
        elif address == 4:
            self.control = value
        elif address == 8:
            self.select = value

    def _advance(self):
        if self.csw >> 4 & 3:
            # The Cortex-M4's wraps at 4 KB.
            self.tar = self.tar & ~0xFFF | self.tar + (1 << (self.csw & 7)) & 0xFFF

    def _read_ap(self, register):
        if register == 0x0C:
            value = self.chip.read(self.tar & ~3)
            self._advance()
            return value
        if 0x10 <= register < 0x20:
            return self.chip.read(self.tar & ~15 | register & 15)
        return {0x00: self.csw | 0x40, 0x04: self.tar, 0xF8: 0xFFFFFFFF, 0xFC: 0x24770011}.get(register, 0)

    def _write_ap(self, register, value):
        if register == 0x00:
            self.csw = value
        elif register == 0x04:
            self.tar = value
        elif register == 0x0C:
            mask = {0: 0xFF, 1: 0xFFFF, 2: 0xFFFFFFFF}[self.csw & 7] << 8 * (self.tar & 3)
            self.chip.write(self.tar & ~3, value, mask & 0xFFFFFFFF)
            self._advance()
        elif 0x10 <= register < 0x20:
            self.chip.write(self.tar & ~15 | register & 15, value, 0xFFFFFFFF)


# IEEE 1149.1's states: where TMS 0 and TMS 1 lead.
NEXT = {
    "reset": ("idle", "reset"), "idle": ("idle", "select-dr"),
    "select-dr": ("capture-dr", "select-ir"), "capture-dr": ("shift-dr", "exit1-dr"), "shift-dr": ("shift-dr", "exit1-dr"),
    "exit1-dr": ("pause-dr", "update-dr"), "pause-dr": ("pause-dr", "exit2-dr"), "exit2-dr": ("shift-dr", "update-dr"),
    "update-dr": ("idle", "select-dr"),
    "select-ir": ("capture-ir", "reset"), "capture-ir": ("shift-ir", "exit1-ir"), "shift-ir": ("shift-ir", "exit1-ir"),
    "exit1-ir": ("pause-ir", "update-ir"), "pause-ir": ("pause-ir", "exit2-ir"), "exit2-ir": ("shift-ir", "update-ir"),
    "update-ir": ("idle", "select-dr"),
}


class Tap:
    """One TAP: an instruction register, and a shift register as long as the instruction says."""

    def __init__(self, length, identity, port=None):
        self.length, self.identity, self.port = length, identity, port
        self.reset()

    def reset(self):
        self.instruction = 0b1110 if self.port else 1
        self.value, self.size = 0, 1

    def capture_ir(self):
        self.value, self.size = 1, self.length

    def update_ir(self):
        self.instruction = self.value

    def capture_dr(self):
        if self.instruction == (0b1110 if self.port else 1):
            self.value, self.size = self.identity, 32
        elif self.port and self.instruction in (0b1010, 0b1011):  # DPACC, APACC; the last scan went well
            self.value, self.size = self.port.found << 3 | 0b010, 35
        elif self.port and self.instruction == 0b1000:  # ABORT
            self.value, self.size = 0, 35
        else:
            self.value, self.size = 0, 1

    def update_dr(self):
        if self.port and self.instruction in (0b1010, 0b1011):
            self.port.access(self.instruction == 0b1011, (self.value >> 1 & 3) << 2, self.value >> 3, bool(self.value & 1))

    def shift(self, bit):
        out = self.value & 1
        self.value = self.value >> 1 | bit << self.size - 1
        return out


class Chain:
    """The boundary-scan TAP nearest to TDI, the debug port's nearest to TDO (RM0383, 23.6.1 names them)."""

    def __init__(self, chip):
        self.taps = [Tap(5, 0x06431041), Tap(4, 0x4BA00477, DebugPort(chip))]
        self.state = "reset"

    @property
    def output(self):
        return self.taps[-1].value & 1

    def clock(self, tms, tdi):
        if self.state in ("shift-dr", "shift-ir"):
            for tap in self.taps:
                tdi = tap.shift(tdi)
        self.state = NEXT[self.state][tms]
        action = {
            "reset": Tap.reset, "capture-ir": Tap.capture_ir, "update-ir": Tap.update_ir, "capture-dr": Tap.capture_dr,
            "update-dr": Tap.update_dr,
        }.get(self.state)
        for tap in self.taps if action else []:
            action(tap)


def serve(connection, chain):
    clock = 0
    while data := connection.recv(1 << 16):
        answers = bytearray()
        for letter in data:
            if 0x30 <= letter <= 0x37:  # TCK, TMS, TDI
                if letter & 4 and not clock:
                    chain.clock(letter >> 1 & 1, letter & 1)
                clock = letter & 4
            elif letter == ord("R"):
                answers.append(0x30 + chain.output)
            elif letter == ord("Q"):
                return
        if answers:
            connection.sendall(answers)


def main():
    port_file, flash_file = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", 0))
    with open(port_file + ".new", "w") as file:
        file.write(str(listener.getsockname()[1]))
    os.rename(port_file + ".new", port_file)
    chip = Chip(flash_file)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                serve(connection, Chain(chip))
            except ConnectionError:
                pass
        chip.save()


if __name__ == "__main__":
    main()
