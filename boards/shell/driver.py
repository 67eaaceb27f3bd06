#!/usr/bin/env python3
"""Runs frames through a network in the logic of a Zynq, from Linux on the board. Needs numpy, Python 3.6 and root.

    from hwgen_driver import Accelerator
    with Accelerator.open("model.json") as chip:   # the file beside the bitstream
        scores = chip.run(frames)                  # as the model takes them and gives them

From a shell: `hwgen_driver.py load model.bit.bin`, `hwgen_driver.py run frames.npy`, `hwgen_driver.py status`.
The chip itself says what its frames look like; model.json says which model is meant, and the shapes that it has in Keras.
"""

from __future__ import print_function

import argparse
import glob
import json
import mmap
import os
import select
import shutil
import struct
import sys
import time

import numpy as np

# registers: begin; written by python -m hwgen.boards.shell.driver_map
MAGIC, MAJOR = 0x6E677768, 1
OFFSETS = {
    "MAGIC": 0x000,
    "VERSION": 0x004,
    "FEATURES": 0x008,
    "CLOCK": 0x00C,
    "MODEL_HASH0": 0x010,
    "MODEL_HASH1": 0x014,
    "MODEL_HASH2": 0x018,
    "MODEL_HASH3": 0x01C,
    "FIFOS": 0x020,
    "CONTROL": 0x040,
    "STATUS": 0x044,
    "ERRORS": 0x048,
    "INTERRUPT_ENABLE": 0x050,
    "INTERRUPT_STATUS": 0x054,
    "CYCLES_LOW": 0x060,
    "CYCLES_HIGH": 0x064,
    "BUSY_CYCLES": 0x068,
    "FIFO_SELECT": 0x070,
    "FIFO_FILL": 0x074,
}
BANKS = {  # name -> (offset of the first, distance of the next, offsets in it)
    "INPUT": (0x400, 0x40, {
        "ROWS": 0x00,
        "COLUMNS": 0x04,
        "CHANNELS": 0x08,
        "TYPE": 0x0C,
        "DIVISOR": 0x10,
        "FRAME_BYTES": 0x14,
        "FRAMES": 0x18,
        "STARVED": 0x1C,
        "ADDRESS": 0x20,
        "PUSH": 0x24,
        "QUEUE": 0x28,
        "DONE": 0x2C,
        "DONE_NUMBER": 0x30,
        "FAILED_NUMBER": 0x34,
        "FAILED": 0x38,
    }),
    "OUTPUT": (0x800, 0x40, {
        "ROWS": 0x00,
        "COLUMNS": 0x04,
        "CHANNELS": 0x08,
        "TYPE": 0x0C,
        "DIVISOR": 0x10,
        "FRAME_BYTES": 0x14,
        "FRAMES": 0x18,
        "BLOCKED": 0x1C,
        "ADDRESS": 0x20,
        "PUSH": 0x24,
        "QUEUE": 0x28,
        "DONE": 0x2C,
        "DONE_NUMBER": 0x30,
        "FAILED_NUMBER": 0x34,
        "FAILED": 0x38,
        "TOP1": 0x3C,
    }),
}
FIELDS = {  # register -> name -> (lowest bit, bits)
    "VERSION": {"MINOR": (0, 16), "MAJOR": (16, 16)},
    "FEATURES": {"DMA": (0, 1), "FILLS": (1, 1), "INPUTS": (8, 8), "OUTPUTS": (16, 8)},
    "CONTROL": {"ENABLE": (0, 1), "RESET": (1, 1)},
    "STATUS": {"IDLE": (0, 1), "BUSY": (1, 1), "DONE": (2, 1), "ERROR": (3, 1), "RESETTING": (4, 1)},
    "ERRORS": {"READ_SLVERR": (0, 1), "READ_DECERR": (1, 1), "WRITE_SLVERR": (2, 1), "WRITE_DECERR": (3, 1), "MISALIGNED": (4, 1), "OVERFLOW": (5, 1), "INPUT_TLAST": (6, 1), "OUTPUT_TLAST": (7, 1)},
    "INTERRUPT_ENABLE": {"DONE": (0, 1), "ERROR": (1, 1), "IDLE": (2, 1)},
    "INTERRUPT_STATUS": {"DONE": (0, 1), "ERROR": (1, 1), "IDLE": (2, 1)},
    "FIFO_SELECT": {"INDEX": (0, 16)},
    "INPUT.TYPE": {"WIDTH": (0, 8), "SIGNED": (8, 1), "TOP1": (9, 1), "BYTES": (12, 4), "FRACTION": (16, 16)},
    "INPUT.QUEUE": {"WAITING": (0, 8), "ROOM": (8, 8), "DEPTH": (16, 8)},
    "OUTPUT.TYPE": {"WIDTH": (0, 8), "SIGNED": (8, 1), "TOP1": (9, 1), "BYTES": (12, 4), "FRACTION": (16, 16)},
    "OUTPUT.QUEUE": {"WAITING": (0, 8), "ROOM": (8, 8), "DEPTH": (16, 8)},
}
MEANINGS = {  # of ERRORS
    "READ_SLVERR": "memory answered a read with SLVERR",
    "READ_DECERR": "no memory at the address of a read (DECERR)",
    "WRITE_SLVERR": "memory answered a write with SLVERR",
    "WRITE_DECERR": "no memory at the address of a write (DECERR)",
    "MISALIGNED": "a frame's address wasn't a multiple of 8; it was not queued",
    "OVERFLOW": "a frame was pushed while its queue was full; it was not queued",
    "INPUT_TLAST": "TLAST out of place at an input of the network; reset to go on",
    "OUTPUT_TLAST": "TLAST out of place at an output of the network; reset to go on",
}
STATE = (
    "CONTROL",
    "STATUS",
    "ERRORS",
    "INTERRUPT_STATUS",
    "CYCLES_LOW",
    "CYCLES_HIGH",
    "BUSY_CYCLES",
)
CHANNEL_STATE = (
    "FRAMES",
    "QUEUE",
    "DONE",
    "DONE_NUMBER",
    "FAILED_NUMBER",
    "FAILED",
)


def offset(name, bank=None, k=0):
    """Bytes to a register; of a bank, to that of input or output k."""
    if bank is None:
        return OFFSETS[name]
    first, distance, inside = BANKS[bank]
    return first + distance * k + inside[name]


# registers: end

BASE, SIZE = 0x40000000, 0x1000  # of the registers, on the processor's M_AXI_GP0
LOADED = "/run/hwgen_loaded"  # there while a chip of hwgen is what `load` loaded last
ALIGN = 64  # bytes, of a frame in memory
PATIENCE = 5.0  # seconds in which a score has to come while frames are on their way


class DriverError(Exception):
    """One line: what is wrong, and what to do."""


# --- the machine under the chip ---------------------------------------------------------------------------------------


class Machine(object):
    """What the driver needs of a board, real or simulated. buffer: numpy uint8, memory that the chip's engines see, at the
    physical `address`. Here: how the others are told apart, and time."""

    buffer = None
    address = 0

    def read(self, offset):
        """A register of 32 bits, at so many bytes."""
        raise NotImplementedError

    def write(self, offset, value):
        raise NotImplementedError

    def wait(self, seconds):
        """Until the interrupt is high, at most so long; a machine that has none sleeps shortly. Whether it was high."""
        time.sleep(min(seconds, 50e-6))
        return False

    def time(self):
        """Seconds."""
        return time.time()

    def close(self):
        """Gives everything back."""


class Linux(Machine):
    """Registers through /dev/uio* of a node that is named after hwgen or has their size, else through /dev/mem; memory of
    u-dma-buf. root: where /sys and /dev are, for tests. Raises DriverError before anything of the chip is touched: where
    the logic holds no design, the processor would wait for it for good."""

    def __init__(self, root="/"):
        self.root = root
        check_loaded(root)
        uio = self._uio()
        self.interrupt = uio is not None
        path = os.path.join(root, "dev", uio or "mem")
        self.file = _open(path)
        try:
            self.registers = mmap.mmap(self.file, SIZE, offset=0 if uio else self._base())
            self.words = np.frombuffer(self.registers, "<u4")
            self._memory()
        except (OSError, ValueError) as error:
            os.close(self.file)
            raise DriverError("%s can't be mapped: %s" % (path, error))
        except DriverError:
            os.close(self.file)
            raise

    def _base(self):
        return BASE if self.root == "/" else 0

    def _uio(self):
        """The device's name; None where there is none."""
        for folder in sorted(glob.glob(os.path.join(self.root, "sys/class/uio/uio*"))):
            named = "hwgen" in _text(os.path.join(folder, "name"))
            where = _text(os.path.join(folder, "maps/map0/addr"))
            if named or (where and int(where, 16) == BASE):
                return os.path.basename(folder)
        return None

    def _memory(self):
        for kind in ("u-dma-buf", "udmabuf"):
            for folder in sorted(glob.glob(os.path.join(self.root, "sys/class", kind, "*"))):
                self.address = int(_text(os.path.join(folder, "phys_addr")), 16)
                size = int(_text(os.path.join(folder, "size")))
                # O_SYNC: past the processor's caches, which the engines don't see.
                memory = _open(os.path.join(self.root, "dev", os.path.basename(folder)), os.O_SYNC)
                self.memory = mmap.mmap(memory, size)
                os.close(memory)
                self.buffer = np.frombuffer(self.memory, np.uint8)
                return
        raise DriverError(
            "no memory for frames: there is no u-dma-buf device; load the module, as `insmod u-dma-buf.ko udmabuf0=4194304`"
        )

    def read(self, offset):
        return int(self.words[offset // 4])

    def write(self, offset, value):
        self.words[offset // 4] = value

    def wait(self, seconds):
        if not self.interrupt:
            return Machine.wait(self, seconds)
        os.write(self.file, struct.pack("=I", 1))  # lets the next one through
        ready, _, _ = select.select([self.file], [], [], seconds)
        if ready:
            os.read(self.file, 4)
        return bool(ready)

    def close(self):
        self.words = self.buffer = None
        self.registers.close()
        self.memory.close()
        os.close(self.file)


class Pynq(Machine):
    """Under PYNQ. bitstream: a .bit to load first, by PYNQ itself; mhz: of FCLK0, to be set then. size: bytes for frames."""

    def __init__(self, bitstream=None, mhz=None, size=4 << 20):
        import pynq

        if bitstream is not None:
            pynq.Bitstream(str(bitstream)).download()
        if mhz is not None:
            pynq.Clocks.fclk0_mhz = mhz
        self.mmio = pynq.MMIO(BASE, SIZE)
        self.held = pynq.allocate(shape=(size,), dtype=np.uint8)  # not cached, unless asked for
        self.buffer, self.address = self.held, self.held.physical_address

    def read(self, offset):
        return int(self.mmio.read(offset))

    def write(self, offset, value):
        self.mmio.write(offset, value)

    def close(self):
        self.buffer = None
        self.held.freebuffer()


class Serial(Machine):
    """A chip at a serial line, from a computer on which hwgen is installed. link: `hwgen.boards.shell.uart_host.Link`."""

    def __init__(self, link):
        self.link = link

    @classmethod
    def open(cls, path):
        from hwgen.boards.shell.uart_host import Link
        from hwgen.boards.shell.uart_host import Serial as Line

        return cls(Link(Line(path)))

    def read(self, offset):
        return self.link.read(offset)

    def write(self, offset, value):
        self.link.write(offset, value)


def _open(path, flags=0):
    try:
        return os.open(path, os.O_RDWR | flags)
    except PermissionError:
        raise DriverError("%s can't be opened: run this as root (sudo)" % path)
    except OSError as error:
        raise DriverError("%s can't be opened: %s" % (path, error.strerror))


def _text(path):
    """A file's, stripped; "" where it can't be read."""
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


def check_loaded(root="/"):
    """Raises DriverError where Linux says that the logic holds no design."""
    for folder in sorted(glob.glob(os.path.join(root, "sys/class/fpga_manager/*"))):
        state = _text(os.path.join(folder, "state"))
        if state != "operating":
            raise DriverError(
                "no bitstream is loaded (the FPGA manager says %r): `hwgen_driver.py load model.bit.bin`" % state
            )


def load(path, root="/"):
    """Loads a .bit.bin by Linux's FPGA manager, after the chip that is there has finished with memory. DriverError."""
    managers = sorted(glob.glob(os.path.join(root, "sys/class/fpga_manager/*")))
    if not managers:
        raise DriverError("this Linux has no FPGA manager (/sys/class/fpga_manager); load the .bit by PYNQ, JTAG or U-Boot")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise DriverError("%s can't be read: %s" % (path, error.strerror))
    if b"\x66\x55\x99\xaa" not in data[:4096]:
        raise DriverError("%s isn't a .bit.bin: it has no sync word in the processor's order; a .bit is for JTAG" % path)
    marker = os.path.join(root, LOADED.lstrip("/"))
    if os.path.exists(marker):  # a chip that is known to answer
        machine = Linux(root)
        try:
            Accelerator(machine).reset()
        finally:
            machine.close()
        os.remove(marker)
    firmware = os.path.join(root, "lib/firmware")
    name = os.path.basename(path)
    try:
        if not os.path.isdir(firmware):
            os.makedirs(firmware)
        if os.path.abspath(path) != os.path.abspath(os.path.join(firmware, name)):
            shutil.copyfile(path, os.path.join(firmware, name))
        for file, text in (("flags", "0"), ("firmware", name)):
            with open(os.path.join(managers[0], file), "w") as out:
                out.write(text)
    except OSError as error:
        raise DriverError("the FPGA manager doesn't take %s: %s (root rights? the kernel's log says more)" % (path, error))
    check_loaded(root)
    with open(marker, "w") as file:
        file.write(name + "\n")


# --- the chip ---------------------------------------------------------------------------------------------------------


class Port(object):
    """An input or an output, as the chip describes it. shape: of a frame for the user."""

    def __init__(self, chip, bank, k, model=None):
        self.bank, self.k = bank, k
        value = lambda name: chip.get(name, bank, k)  # noqa: E731
        kind = value("TYPE")
        field = lambda name: bits(kind, bank + ".TYPE", name)  # noqa: E731
        self.width, self.signed, self.fraction = field("WIDTH"), bool(field("SIGNED")), field("FRACTION")
        self.fraction -= (self.fraction >> 15) << 16
        self.divisor, self.bytes, self.top1 = value("DIVISOR"), value("FRAME_BYTES"), bool(field("TOP1"))
        self.dtype = np.dtype("<%s%d" % ("i" if self.signed else "u", field("BYTES")))
        self.full = (value("ROWS"), value("COLUMNS"), value("CHANNELS"))
        self.shape = tuple(model["shape"]) if model else self.full
        self.name = model["name"] if model else "%s %d" % (bank.lower(), k)

    @property
    def limits(self):
        """The least and the greatest raw value."""
        low = -(1 << (self.width - 1)) if self.signed else 0
        return low, low + (1 << self.width) - 1

    def to_raw(self, frames, raw):
        """Frames as what lies in memory, (n, values). raw: they are integers of the type already. Nothing is rounded."""
        frames = np.asarray(frames)
        if frames.dtype.kind not in "biuf":
            raise DriverError("%s: frames of type %s aren't real numbers" % (self.name, frames.dtype))
        if frames.ndim < 1 or frames.shape[1:] not in (self.shape, self.full):
            wanted = "(frames, %s)" % ", ".join(map(str, self.shape))
            raise DriverError("%s: frames have the shape %s, not %s" % (self.name, frames.shape, wanted))
        values = frames.reshape(len(frames), -1)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = values if raw else np.ldexp(values.astype(np.float64), self.fraction)
            low, high = self.limits
            good = np.isfinite(scaled) & (scaled == np.rint(scaled)) & (scaled >= low) & (scaled <= high)
        if not good.all():
            frame, at = (int(i) for i in np.argwhere(~good)[0])
            step = 1.0 if raw else 2.0**-self.fraction
            raise DriverError(
                "%s: frame %d has %s at value %d, which the input can't hold: multiples of %g from %g to %g"
                % (self.name, frame, values[frame, at], at, step, low * step, high * step)
            )
        return np.ascontiguousarray(scaled).astype(self.dtype)

    def to_real(self, raw):
        """Raw values as real numbers, the nearest float64 of each."""
        kept = raw.astype(np.float64 if self.width <= 53 or self.divisor == 1 else object)
        return np.ldexp((kept / self.divisor).astype(np.float64), -self.fraction)


def bits(word, register, name):
    """A field of a register's word."""
    low, width = FIELDS[register][name]
    return word >> low & ((1 << width) - 1)


class Accelerator(object):
    """The network in the chip. machine: `Linux`, `Pynq`, `Serial`, or a simulated one. model: model.json, as its path or
    contents; None takes any chip of hwgen. Resets the chip. Raises DriverError where it isn't the right one."""

    def __init__(self, machine, model=None, patience=PATIENCE):
        self.machine, self.patience = machine, patience
        if model is not None and not isinstance(model, dict):
            try:
                with open(str(model)) as file:
                    model = json.load(file)
                model["hash"], model["inputs"], model["outputs"]
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise DriverError("%s can't be read as a model's description: %s" % (model, error))
        if self.get("MAGIC") != MAGIC:
            raise DriverError("the chip isn't of hwgen: it has 0x%08x where the magic number is" % self.get("MAGIC"))
        major = bits(self.get("VERSION"), "VERSION", "MAJOR")
        if major != MAJOR:
            raise DriverError("the chip's registers have version %d, this driver is for %d: copy its own" % (major, MAJOR))
        self.hash = b"".join(struct.pack("<I", self.get("MODEL_HASH%d" % k)) for k in range(4)).hex()
        if model is not None and model["hash"] != self.hash:
            raise DriverError(
                "the chip holds another model: its hash is %s, that of %s is %s; load the bitstream beside it"
                % (self.hash, model.get("model", "the model"), model["hash"])
            )
        features = self.get("FEATURES")
        self.dma = bool(bits(features, "FEATURES", "DMA"))
        self.clock_hz = self.get("CLOCK")
        counts = [bits(features, "FEATURES", name) for name in ("INPUTS", "OUTPUTS")]
        named = [model[key] if model else [None] * count for key, count in zip(("inputs", "outputs"), counts)]
        self.inputs = [Port(self, "INPUT", k, named[0][k]) for k in range(counts[0])]
        self.outputs = [Port(self, "OUTPUT", k, named[1][k]) for k in range(counts[1])]
        self.reset()

    @classmethod
    def open(cls, model=None, serial=None, patience=PATIENCE):
        """The chip of this board, or that at a serial line ("/dev/ttyUSB0")."""
        machine = Serial.open(serial) if serial else Linux()
        try:
            return cls(machine, model, patience)
        except Exception:
            machine.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.machine.close()

    def get(self, name, bank=None, k=0):
        """A register, by its name in docs/zynq-shell.md."""
        return self.machine.read(offset(name, bank, k))

    def set(self, name, value, bank=None, k=0):
        self.machine.write(offset(name, bank, k), value)

    def reset(self):
        """As after power-up: what was begun on the bus is finished, queues, counters and errors are empty; then enabled."""
        self.set("CONTROL", 1 << FIELDS["CONTROL"]["RESET"][0])
        until = self.machine.time() + self.patience
        while bits(self.get("CONTROL"), "CONTROL", "RESET"):
            if self.machine.time() > until:
                raise DriverError("the chip doesn't end its reset: memory doesn't answer; only a restart helps")
            self.machine.wait(1e-4)
        self.set("CONTROL", 1 << FIELDS["CONTROL"]["ENABLE"][0])

    def run(self, frames, raw=False, top1=False):
        """Scores of frames, (n, ...) each as the model gives them before any softmax; a list where there are several
        outputs. frames: (n, ...) as the model takes them, or a list for several inputs, or a dict by their names.
        raw: integers of the chip's types instead, both ways. top1: the index of the greatest score instead, the first on
        ties. Raises DriverError."""
        if isinstance(frames, dict):
            missing = [port.name for port in self.inputs if port.name not in frames]
            if missing or len(frames) != len(self.inputs):
                raise DriverError("frames are needed for: %s" % ", ".join(port.name for port in self.inputs))
            frames = [frames[port.name] for port in self.inputs]
        elif len(self.inputs) == 1:
            frames = [frames]
        if len(frames) != len(self.inputs):
            raise DriverError("the model has %d inputs, frames are given for %d" % (len(self.inputs), len(frames)))
        ready = [port.to_raw(each, raw) for port, each in zip(self.inputs, frames)]
        count = len(ready[0])
        if any(len(each) != count for each in ready):
            raise DriverError("the inputs have different numbers of frames: %s" % ", ".join(str(len(e)) for e in ready))
        try:
            found = (self._engines if self.dma else self._line)(ready, count)
        except BaseException:  # also Ctrl-C: nothing of these frames may come out later
            self.reset()
            raise
        if top1:
            results = [each.argmax(axis=1) for each in found]
        else:
            results = [each if raw else port.to_real(each) for port, each in zip(self.outputs, found)]
            results = [each.reshape((count,) + port.shape) for port, each in zip(self.outputs, results)]
        return results[0] if len(results) == 1 else results

    def _line(self, ready, count):
        """By a serial line."""
        sizes = [count * port.bytes for port in self.outputs]
        scores = self.machine.link.run([each.tobytes() for each in ready], sizes)
        return [np.frombuffer(data, port.dtype).reshape(count, -1) for port, data in zip(self.outputs, scores)]

    def _engines(self, ready, count):
        """By the chip's DMA engines: as many frames on their way as its queues and the buffer hold."""
        ports = self.inputs + self.outputs
        places, slot = [], 0
        for port in ports:
            places.append(slot)
            slot += -(-port.bytes // ALIGN) * ALIGN
        depth = min(bits(self.get("QUEUE", port.bank, port.k), port.bank + ".QUEUE", "DEPTH") for port in ports)
        slots = min(depth, len(self.machine.buffer) // slot)
        if not slots:
            raise DriverError(
                "a frame and its scores take %d bytes, the buffer has %d: make the u-dma-buf larger"
                % (slot, len(self.machine.buffer))
            )
        base = [self.get("DONE", port.bank, port.k) for port in self.outputs]
        found = [np.empty((count, port.bytes // port.dtype.itemsize), port.dtype) for port in self.outputs]
        wanted = FIELDS["INTERRUPT_ENABLE"]
        self.set("INTERRUPT_ENABLE", 1 << wanted["DONE"][0] | 1 << wanted["ERROR"][0])
        sent = done = 0
        moved = self.machine.time()
        while done < count:
            while sent < count and sent - done < slots:
                self._push(sent, sent % slots * slot, places, ready)
                sent += 1
            self.set("INTERRUPT_STATUS", 7)  # before the counters are looked at, so that none that comes now is missed
            self._check_errors()
            now = min(self.get("DONE", port.bank, port.k) - start & 0xFFFFFFFF for port, start in zip(self.outputs, base))
            if now > done:
                for frame in range(done, now):
                    for port, place, into in zip(self.outputs, places[len(self.inputs) :], found):
                        at = frame % slots * slot + place
                        into[frame] = np.array(self.machine.buffer[at : at + port.bytes]).view(port.dtype)
                done, moved = now, self.machine.time()
            elif self.machine.time() - moved > self.patience:
                story = "; ".join(self.explain())
                raise DriverError("no score in %g s, %d of %d frames are done: %s" % (self.patience, done, count, story))
            elif done < count:
                self.machine.wait(self.patience)
        return found

    def _push(self, frame, start, places, ready):
        """Queues room for the scores of a frame, then the frame."""
        inputs = len(self.inputs)
        for port, place, data in zip(self.inputs, places, ready):
            at = start + place
            self.machine.buffer[at : at + port.bytes] = data[frame].view(np.uint8)
        for port, place in list(zip(self.outputs, places[inputs:])) + list(zip(self.inputs, places)):
            self.set("ADDRESS", self.machine.address + start + place, port.bank, port.k)
            self.set("PUSH", frame & 0xFFFFFFFF, port.bank, port.k)

    def _check_errors(self):
        if not self.get("ERRORS"):
            return
        failed = [port for port in self.inputs + self.outputs if self.get("FAILED", port.bank, port.k)]
        numbers = ["frame %d (%s)" % (self.get("FAILED_NUMBER", port.bank, port.k), port.name) for port in failed]
        raise DriverError("; ".join((["first hit: " + ", ".join(numbers)] if numbers else []) + self.explain()))

    # --- when it hangs ------------------------------------------------------------------------------------------

    def status(self):
        """Registers that change, by name; of inputs and outputs by (their name, register)."""
        found = {name: self.get(name) for name in STATE if name != "CYCLES_HIGH"}
        found["CYCLES"] = found.pop("CYCLES_LOW") + (self.get("CYCLES_HIGH") << 32)
        for port in self.inputs + self.outputs:
            for name in CHANNEL_STATE + (("STARVED",) if port.bank == "INPUT" else ("BLOCKED",)):
                found[port.name, name] = self.get(name, port.bank, port.k)
        for k in range(self.get("FIFOS")):
            self.set("FIFO_SELECT", k)
            found["fifo %d" % k, "FILL"] = self.get("FIFO_FILL")
        return found

    def explain(self):
        """What the registers say, in words; the first line matters most."""
        lines = []
        errors = self.get("ERRORS")
        for name in sorted(FIELDS["ERRORS"], key=lambda name: FIELDS["ERRORS"][name]):
            if bits(errors, "ERRORS", name):
                lines.append("%s: %s" % (name, MEANINGS[name]))
        control, state = self.get("CONTROL"), self.get("STATUS")
        if bits(state, "STATUS", "RESETTING"):
            lines.append("a reset is under way: memory hasn't answered yet")
        elif not bits(control, "CONTROL", "ENABLE"):
            lines.append("the chip isn't enabled: frames wait in the queues")
        first = self._counters()
        self.machine.wait(1e-3)
        for (port, name), before in sorted(first.items()):
            after = self._counters()[port, name]
            if after == before:
                continue
            if name == "STARVED":
                lines.append("%s starves: the network waits for its frames; none queued, or memory is slow" % port)
            elif name == "BLOCKED":
                lines.append("%s is blocked: nobody takes its scores; no room queued, or memory is slow" % port)
            else:
                lines.append("%s moves on" % port)
        if bits(state, "STATUS", "IDLE"):
            lines.append("idle: no frame is queued or on its way")
        elif not lines:
            lines.append("nothing moves, nothing starves, nothing is blocked: the network stands still; reset it")
        counts = ["%s %d" % (port.name, self.get("FRAMES", port.bank, port.k)) for port in self.inputs + self.outputs]
        return lines + ["frames since reset: " + ", ".join(counts)]

    def _counters(self):
        found = {}
        for port in self.inputs + self.outputs:
            for name in ("FRAMES", "STARVED" if port.bank == "INPUT" else "BLOCKED"):
                found[port.name, name] = self.get(name, port.bank, port.k)
        return found


# --- the command line -------------------------------------------------------------------------------------------------


def _frames(path, chip):
    """Frames of a .npy, or an .npz with x (or an array for each input under its name), and labels y where it has them."""
    try:
        found = np.load(path)
    except (OSError, ValueError) as error:
        raise DriverError("%s can't be read: %s" % (path, error))
    if not hasattr(found, "files"):
        return found, None
    labels = found["y"] if "y" in found.files else None
    if "x" in found.files:
        return found["x"], labels
    missing = [port.name for port in chip.inputs if port.name not in found.files]
    if missing:
        raise DriverError("%s has no array x, and none for: %s" % (path, ", ".join(missing)))
    return {port.name: found[port.name] for port in chip.inputs}, labels


def _model(given):
    """The description that is meant: the one given, else the only one beside this file, else none."""
    if given:
        return given
    beside = glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "*.json"))
    return beside[0] if len(beside) == 1 else None


def _run(options, chip):
    frames, labels = _frames(options.file, chip)
    start = time.time()
    scores = chip.run(frames)
    seconds = time.time() - start
    every = scores if isinstance(scores, list) else [scores]
    print("%d frames in %.3f s, %.0f/s" % (len(every[0]), seconds, len(every[0]) / max(seconds, 1e-9)))
    if labels is not None:
        print("%.2f %% right" % (100.0 * np.mean(every[0].reshape(len(labels), -1).argmax(axis=1) == labels.reshape(-1))))
    if options.output:
        np.savez(options.output, *every) if len(every) > 1 else np.save(options.output, every[0])
    else:
        for k, score in enumerate(every[0].reshape(len(every[0]), -1)[:10]):
            print("frame %d: class %d, score %g" % (k, score.argmax(), score.max()))


def main(arguments=None):
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description="Frames through a network in a chip of hwgen.")
    parser.add_argument("command", choices=("load", "run", "status"))
    parser.add_argument("file", nargs="?", help="load: the .bit.bin; run: frames, .npy or .npz")
    parser.add_argument("--model", help="model.json (default: the only .json beside this file)")
    parser.add_argument("--serial", help="the chip is at this serial line, as /dev/ttyUSB0")
    parser.add_argument("-o", "--output", help="run: write all scores here, .npy or .npz")
    options = parser.parse_args(arguments)
    if options.command != "status" and not options.file:
        parser.error("%s needs a file" % options.command)
    try:
        if options.command == "load":
            load(options.file)
            return 0
        if options.command == "run":
            with Accelerator.open(_model(options.model), options.serial) as chip:
                _run(options, chip)
            return 0
        return _status(options)
    except (DriverError, OSError) as error:
        print("hwgen_driver: error: %s" % error, file=sys.stderr)
        return 1


def _status(options):
    """Prints registers without a reset, as another program left the chip."""
    machine = Serial.open(options.serial) if options.serial else Linux()
    chip = Watcher(machine, _model(options.model))
    try:
        for name, value in chip.status().items():
            print("%-32s %d" % (name if isinstance(name, str) else " ".join(name), value))
        print("\n".join(chip.explain()))
    finally:
        chip.close()
    return 0


class Watcher(Accelerator):
    """Looks at a chip, and leaves it as it is."""

    def reset(self):
        """Nothing."""


if __name__ == "__main__":
    sys.exit(main())
