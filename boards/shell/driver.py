"""The host's driver of a chip of hwgen, on a board's Linux: numpy frames in, scores out. Copied to the user as hwgen_driver.py.

One file on numpy and the standard library, for Python 3.6 and later. It is the same for every model: shapes, types, hash and
clock are read from the chip's registers.

    from hwgen_driver import Accelerator
    with Accelerator.open(model="digits.json") as chip:
        scores = chip.run(frames)

From the shell: python3 hwgen_driver.py load digits.bit.bin | status | run frames.npy
"""

# ruff: noqa: UP031 (long messages read better with %; f-strings of Python 3.6 are few)

import argparse
import glob
import json
import mmap
import os
import select
import struct
import sys
import time

import numpy as np

# --- the register map: equal to hwgen's boards/shell/registers.py, which a test holds ---------------------------------

MAGIC = 0x6E677768
MAJOR = 1
WINDOW = 0x1000
REGISTERS = {
    "MAGIC": 0x000, "VERSION": 0x004, "FEATURES": 0x008, "CLOCK": 0x00C, "MODEL_HASH0": 0x010, "MODEL_HASH1": 0x014,
    "MODEL_HASH2": 0x018, "MODEL_HASH3": 0x01C, "FIFOS": 0x020, "CONTROL": 0x040, "STATUS": 0x044, "ERRORS": 0x048,
    "INTERRUPT_ENABLE": 0x050, "INTERRUPT_STATUS": 0x054, "CYCLES_LOW": 0x060, "CYCLES_HIGH": 0x064,
    "BUSY_CYCLES": 0x068, "FIFO_SELECT": 0x070, "FIFO_FILL": 0x074,
}  # fmt: skip
CHANNEL = {
    "ROWS": 0x00, "COLUMNS": 0x04, "CHANNELS": 0x08, "TYPE": 0x0C, "DIVISOR": 0x10, "FRAME_BYTES": 0x14, "FRAMES": 0x18,
    "ADDRESS": 0x20, "PUSH": 0x24, "QUEUE": 0x28, "DONE": 0x2C, "DONE_NUMBER": 0x30, "FAILED_NUMBER": 0x34,
    "FAILED": 0x38,
}  # fmt: skip
# name: (offset of the first, bytes from one to the next, registers)
BANKS = {
    "INPUT": (0x400, 0x40, dict(CHANNEL, STARVED=0x1C)),
    "OUTPUT": (0x800, 0x40, dict(CHANNEL, BLOCKED=0x1C, TOP1=0x3C)),
}
# register: field: (lowest bit, bits)
FIELDS = {
    "VERSION": {"MINOR": (0, 16), "MAJOR": (16, 16)},
    "FEATURES": {"DMA": (0, 1), "FILLS": (1, 1), "INPUTS": (8, 8), "OUTPUTS": (16, 8)},
    "CONTROL": {"ENABLE": (0, 1), "RESET": (1, 1)},
    "STATUS": {"IDLE": (0, 1), "BUSY": (1, 1), "DONE": (2, 1), "ERROR": (3, 1), "RESETTING": (4, 1)},
    "ERRORS": {
        "READ_SLVERR": (0, 1), "READ_DECERR": (1, 1), "WRITE_SLVERR": (2, 1), "WRITE_DECERR": (3, 1),
        "MISALIGNED": (4, 1), "OVERFLOW": (5, 1), "INPUT_TLAST": (6, 1), "OUTPUT_TLAST": (7, 1),
    },
    "INTERRUPT_ENABLE": {"DONE": (0, 1), "ERROR": (1, 1), "IDLE": (2, 1)},
    "INTERRUPT_STATUS": {"DONE": (0, 1), "ERROR": (1, 1), "IDLE": (2, 1)},
    "FIFO_SELECT": {"INDEX": (0, 16)},
    "TYPE": {"WIDTH": (0, 8), "SIGNED": (8, 1), "TOP1": (9, 1), "BYTES": (12, 4), "FRACTION": (16, 16)},
    "QUEUE": {"WAITING": (0, 8), "ROOM": (8, 8), "DEPTH": (16, 8)},
}  # fmt: skip
DMA_ONLY = ("ADDRESS", "PUSH", "QUEUE", "DONE", "DONE_NUMBER", "FAILED_NUMBER", "FAILED")

# ----------------------------------------------------------------------------------------------------------------------

BASE = 0x40000000  # physical address of the registers
WRAP = 1 << 32
LINE = 64  # bytes; frames begin at multiples of it, so that no two share a line of the processor's cache
SLOTS = 64  # most frames in the buffer; 16 wait in the queues, the others are in the network
PATIENCE = 10.0  # seconds in which something has to move

MEANING = {
    "READ_SLVERR": "memory refused to be read (SLVERR)",
    "READ_DECERR": "there is no memory at the address of a frame (DECERR)",
    "WRITE_SLVERR": "memory refused to be written (SLVERR)",
    "WRITE_DECERR": "there is no memory at the address for scores (DECERR)",
    "MISALIGNED": "a frame's address was no multiple of 8",
    "OVERFLOW": "a frame was pushed into a full queue",
    "INPUT_TLAST": "frames and beats of an input are out of step, a fault of the chip",
    "OUTPUT_TLAST": "frames and beats of an output are out of step, a fault of the chip",
}


class DriverError(Exception):
    """Anything that is wrong with the board, the bitstream, or the frames; one line says what, and what to do."""


class NotLoaded(DriverError):
    """No bitstream is loaded, or none of hwgen, or there is no way to the registers."""


class WrongModel(DriverError):
    """The chip computes another model."""


class BufferTooSmall(DriverError):
    """There is no memory that processor and engines share, or too little."""


class FramesError(DriverError):
    """Frames of a wrong shape, or with values that the chip's type can't represent."""


class FrameFailed(DriverError):
    """An error on the bus. frame: number of the first frame that it hit, within the batch; None where none is to blame."""

    def __init__(self, message, frame=None):
        DriverError.__init__(self, message)
        self.frame = frame


class Hangs(DriverError):
    """Nothing moved for too long. story: what `explain` said."""

    def __init__(self, message, story):
        DriverError.__init__(self, message + ": " + "; ".join(story))
        self.story = story


# --- machines: registers and memory -----------------------------------------------------------------------------------


class Machine:
    """What is under the driver. A machine has read and write, and, where the chip has DMA, buffer and address.

    buffer: numpy uint8, the memory that processor and engines share. address: physical address of buffer[0], a multiple of 8.
    """

    buffer, address = None, 0

    def read(self, offset):
        """A register of 32 bits."""
        raise NotImplementedError

    def write(self, offset, value):
        """A register of 32 bits."""
        raise NotImplementedError

    def wait(self, seconds):
        """Until the interrupt is high; False where it wasn't within that time. Without interrupts a short sleep."""
        time.sleep(min(seconds, 0.0005))
        return False

    def time(self):
        """Seconds, by which the driver loses its patience."""
        return time.monotonic()

    def sync_for_device(self, offset, size):
        """Part of the buffer out of the processor's caches, before the engines take it."""

    def sync_for_cpu(self, offset, size):
        """The same, before the processor reads what the engines wrote."""

    def close(self):
        """Gives back what was opened."""


class Linux(Machine):
    """Registers through UIO or /dev/mem, memory from u-dma-buf. root: where /sys, /dev and /run are.

    Looks at the FPGA manager first: a register of an empty chip never answers, and the processor stands still. Raises
    NotLoaded.
    """

    def __init__(self, root="/", base=BASE):
        self.root, self.base = root, base
        self.files, self.uio, self.folder, self.sync = [], None, None, {}
        check_loaded(root)
        try:
            self._open_registers()
            self._open_buffer()
        except Exception:
            self.close()
            raise

    def _open_registers(self):
        found = find_uio(self.root, self.base)
        path, offset = os.path.join(self.root, "dev", found or "mem"), 0 if found else self.base
        try:
            file = self._file(path)
            mapped = mmap.mmap(file, WINDOW, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)
        except (OSError, ValueError) as error:
            raise NotLoaded(f"can't reach the registers through {path} ({error}); are you root?") from None
        self.uio = file if found else None
        self.registers = np.frombuffer(mapped, np.dtype("<u4"))

    def _open_buffer(self):
        """The largest u-dma-buf; none is an error only once frames are to run."""
        folders = []
        for name in ("u-dma-buf", "udmabuf"):
            folders += sorted(glob.glob(os.path.join(self.root, "sys/class", name, "*")))
        folders.sort(key=lambda folder: -int(_text(os.path.join(folder, "size")) or "0", 0))
        if not folders:
            return
        size = int(_text(os.path.join(folders[0], "size")), 0)
        path = os.path.join(self.root, "dev", os.path.basename(folders[0]))
        try:
            file = self._file(path, cached=True)
            mapped = mmap.mmap(file, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        except (OSError, ValueError) as error:
            raise BufferTooSmall(f"can't open the memory {path} ({error}); are you root?") from None
        address = _text(os.path.join(folders[0], "phys_addr"))
        self.buffer, self.address, self.folder = np.frombuffer(mapped, np.uint8), int(address, 0), folders[0]

    def _file(self, path, cached=False):
        file = os.open(path, os.O_RDWR | (0 if cached else os.O_SYNC))
        self.files.append(file)
        return file

    def read(self, offset):
        return int(self.registers[offset >> 2])

    def write(self, offset, value):
        self.registers[offset >> 2] = value

    def wait(self, seconds):
        if self.uio is None:
            return Machine.wait(self, seconds)
        try:
            os.write(self.uio, struct.pack("=I", 1))  # the kernel masks the interrupt each time that it came
        except OSError:
            self.uio = None  # a device tree without the interrupt
            return Machine.wait(self, seconds)
        if not select.select([self.uio], [], [], seconds)[0]:
            return False
        os.read(self.uio, 4)
        return True

    # The buffer is mapped with its cache on: numpy copies with unaligned accesses, which uncached memory of a Zynq refuses.
    def sync_for_device(self, offset, size):
        self._sync("sync_for_device", offset, size)

    def sync_for_cpu(self, offset, size):
        self._sync("sync_for_cpu", offset, size)

    def _sync(self, what, offset, size):
        for name, value in (("sync_offset", offset), ("sync_size", size), ("sync_direction", 0), (what, 1)):
            if name not in self.sync:
                self.sync[name] = [self._file(os.path.join(self.folder, name), cached=True), None]
            file, before = self.sync[name]
            if value != before or name == what:
                os.pwrite(file, b"%d\n" % value, 0)
                self.sync[name][1] = value

    def close(self):
        self.registers = self.buffer = None
        for file in self.files:
            os.close(file)
        self.files = []


class Pynq(Machine):
    """Through the package pynq. bitstream: path of a .bit to load; None for what is loaded already. clock_hz: of FCLK0, to be
    set. size: bytes of memory for frames and scores. Raises NotLoaded."""

    def __init__(self, bitstream=None, clock_hz=None, size=1 << 20, root="/"):
        import pynq

        if bitstream is not None:
            if os.path.exists(_note(root)):
                stop(pynq.MMIO(BASE, WINDOW))
                unmark(root)
            pynq.Bitstream(str(bitstream)).download()
        check_loaded(root)
        if clock_hz is not None:
            pynq.Clocks.fclk0_mhz = clock_hz / 1e6
        self.mmio = pynq.MMIO(BASE, WINDOW)
        if bitstream is not None and self.read(REGISTERS["MAGIC"]) == MAGIC:
            mark(root)
        self.buffer = pynq.allocate(shape=(size,), dtype=np.uint8)
        self.address = int(self.buffer.physical_address)

    def read(self, offset):
        return int(self.mmio.read(offset))

    def write(self, offset, value):
        self.mmio.write(offset, value)

    def sync_for_device(self, offset, size):
        self.buffer.flush()

    def sync_for_cpu(self, offset, size):
        self.buffer.invalidate()

    def close(self):
        buffer, self.buffer = self.buffer, None
        if buffer is not None:
            buffer.freebuffer()


class Serial(Machine):
    """A board at a serial line. link: a Link of hwgen.boards.shell.uart_host, which has to be installed here."""

    def __init__(self, link):
        from hwgen.boards.shell.uart_host import LinkError

        self.link, self.fails = link, LinkError

    @classmethod
    def open(cls, path):
        """By the device, as /dev/ttyUSB0. Raises OSError."""
        from hwgen.boards.shell import uart_host

        return cls(uart_host.Link(uart_host.Serial(path)))

    def read(self, offset):
        return self._ask(self.link.read, offset)

    def write(self, offset, value):
        self._ask(self.link.write, offset, value)

    def transfer(self, frames, sizes):
        """frames: for each input the bytes of all frames. sizes: bytes of each output's scores, which are returned."""
        return self._ask(self.link.run, frames, sizes)

    def _ask(self, call, *arguments):
        try:
            return call(*arguments)
        except self.fails as error:
            raise DriverError(str(error)) from None

    def close(self):
        close = getattr(self.link.port, "close", None)
        if close is not None:
            close()


# --- the accelerator --------------------------------------------------------------------------------------------------


class Channel:
    """The k-th input or output. shape: of a frame as the model takes or gives it. raw_shape: (H, W, C) in the chip.

    A value is raw · 2^-fraction / divisor, raw from lo to hi. name: the model's, where its JSON is there. top1: the chip finds
    the greatest value.
    """

    def __init__(self, kind, k, read, model):
        start, stride, offsets = BANKS[kind]
        self.kind, self.k = kind, k
        self.offsets = {name: start + k * stride + offset for name, offset in offsets.items()}
        self.raw_shape = tuple(read(self.offsets[name]) for name in ("ROWS", "COLUMNS", "CHANNELS"))
        type_ = decode("TYPE", read(self.offsets["TYPE"]))
        self.width, self.signed, self.top1 = type_["WIDTH"], bool(type_["SIGNED"]), bool(type_["TOP1"])
        self.fraction = type_["FRACTION"] - (1 << 16 if type_["FRACTION"] >> 15 else 0)
        self.divisor = read(self.offsets["DIVISOR"])
        self.frame_bytes = read(self.offsets["FRAME_BYTES"])
        self.dtype = np.dtype("<%s%d" % ("i" if self.signed else "u", type_["BYTES"]))
        known = model[kind.lower() + "s"][k] if model else {}
        self.name = known.get("name", "%s%d" % (kind.lower(), k))
        shape = self.raw_shape
        while len(shape) > 1 and shape[0] == 1:
            shape = shape[1:]
        self.shape = tuple(known.get("shape", shape))
        self.exact_shape = bool(known)
        half = 1 << (self.width - 1)
        self.lo, self.hi = (
            known.get("lo", -half if self.signed else 0),
            known.get("hi", half - 1 if self.signed else 2 * half - 1),
        )

    @property
    def type(self):
        """As hwgen writes it: fixed<bits, those before the point with the sign>."""
        over = "/%d" % self.divisor if self.divisor != 1 else ""
        return "%sfixed<%d,%d>%s" % ("" if self.signed else "u", self.width, self.width - self.fraction, over)

    def __repr__(self):
        return "<{} {} {}>".format(self.name, "x".join(map(str, self.shape)), self.type)

    def raw(self, frames):
        """Real-valued frames as raw integers (n, H, W, C) of `dtype`; nothing is rounded. Raises FramesError."""
        frames = np.asarray(frames)
        if frames.dtype.kind not in "biuf":
            raise FramesError(f"input '{self.name}': frames of type {frames.dtype} aren't real numbers")
        if frames.ndim == 0 or not self._fits(frames.shape[1:]):
            wanted = ", ".join(["frames"] + [str(n) for n in self.shape])
            raise FramesError(
                f"input '{self.name}': the model takes frames of shape ({wanted}), these have {frames.shape}"
            )
        values = frames.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            raw = np.ldexp(values, self.fraction)
            good = np.isfinite(values) & (raw == np.rint(raw)) & (raw >= self.lo) & (raw <= self.hi)
        if not good.all():
            raise FramesError(self._first_bad(frames, good))
        return raw.astype(np.int64).reshape((len(frames),) + self.raw_shape).astype(self.dtype)

    def _fits(self, shape):
        if self.exact_shape:
            return tuple(shape) == self.shape
        return [n for n in shape if n != 1] == [n for n in self.raw_shape if n != 1]

    def _first_bad(self, frames, good):
        at = tuple(int(i) for i in np.argwhere(~good)[0])
        step, more = 2.0**-self.fraction, int((~good).sum()) - 1
        return (
            "input '%s': frame %d has %s at %s, which the input type can't represent: multiples of %g from %g to %g%s"
            % (self.name, at[0], frames[at], at[1:], step, self.lo * step, self.hi * step,
               " (and %d more values)" % more if more else "")
        )  # fmt: skip

    def real(self, raw):
        """Raw integers as real numbers: the nearest float64 of each."""
        kept = np.float64 if self.width <= 53 or self.divisor == 1 else object
        return np.ldexp((raw.astype(kept) / self.divisor).astype(np.float64), -self.fraction)


class Accelerator:
    """A chip of hwgen. machine: a Machine. model: the model's .json, as path or dict, that the chip has to be of.

    Raises NotLoaded where this is no chip of hwgen, WrongModel where it computes another model.
    patience: seconds in which something has to move while frames run.
    """

    def __init__(self, machine, model=None, patience=PATIENCE):
        self.machine, self.patience, self._layout = machine, patience, None
        self._clean = None  # whether nothing is under way; None as another program left it
        read = machine.read
        magic = read(REGISTERS["MAGIC"])
        if magic != MAGIC:
            raise NotLoaded(
                f"this is no chip of hwgen: its first register reads 0x{magic:08x}; load the model's bitstream"
            )
        version = decode("VERSION", read(REGISTERS["VERSION"]))
        if version["MAJOR"] != MAJOR:
            raise NotLoaded(
                "the chip has registers of version %d, this driver is for %d: take the driver from the folder of the bitstream"
                % (version["MAJOR"], MAJOR)
            )
        words = [read(REGISTERS["MODEL_HASH%d" % k]) for k in range(4)]
        self.hash = "".join(f"{byte:02x}" for word in words for byte in struct.pack("<I", word))
        self.model = load_model(model)
        if self.model and self.model["hash"] != self.hash:
            raise WrongModel(
                "the chip computes another model: its hash is {}, that of '{}' is {}; load the bitstream of this model".format(
                    self.hash, self.model["model"], self.model["hash"]
                )
            )
        self.features = decode("FEATURES", read(REGISTERS["FEATURES"]))
        self.clock_hz = read(REGISTERS["CLOCK"])
        self.inputs = [Channel("INPUT", k, read, self.model) for k in range(self.features["INPUTS"])]
        self.outputs = [Channel("OUTPUT", k, read, self.model) for k in range(self.features["OUTPUTS"])]

    @classmethod
    def open(cls, model=None, machine=None, **settings):
        """Finds the machine itself. settings: of Linux."""
        machine = Linux(**settings) if machine is None else machine
        try:
            return cls(machine, model)
        except Exception:
            machine.close()
            raise

    def close(self):
        """Stops what still runs, and gives back memory and registers."""
        try:
            if self._clean is False:
                self.reset()
        finally:
            self.machine.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    # --- to run frames ---

    def raw(self, frames):
        """Frames as `run` takes them, as raw integers (n, H, W, C) of each input."""
        names = [channel.name for channel in self.inputs]
        if isinstance(frames, dict):
            if len(names) == 1 and names[0] not in frames and "x" in frames:
                frames = {names[0]: frames["x"]}
            missing = [name for name in names if name not in frames]
            if missing or len(frames) > len(names):
                raise FramesError(f"frames are for {sorted(frames)}; the model's inputs are {names}")
            given = [frames[name] for name in names]
        elif len(names) == 1:
            given = [frames]
        elif isinstance(frames, (list, tuple)) and len(frames) == len(names):
            given = frames
        else:
            raise FramesError(f"give an array for each of the model's inputs {names}, as a list or a dict")
        raws = [channel.raw(array) for channel, array in zip(self.inputs, given)]
        if len(set(map(len, raws))) > 1:
            raise FramesError("inputs have different numbers of frames: %s" % [len(raw) for raw in raws])
        return raws

    def run(self, frames, raw=False, top1=False, progress=None):
        """The scores of any number of frames: an array (n, ...), a list of them where the model has several outputs.

        frames: real values as the model takes them, (n, ...); for several inputs a list in the model's order, or a dict.
        raw: scores as the chip's integers. top1: for each frame the index of its greatest score, the first on ties.
        progress: called with the number of frames that are done. Raises FramesError, FrameFailed, Hangs, BufferTooSmall.
        """
        raws = self.raw(frames)
        count = len(raws[0])
        data = [array.reshape(-1).view(np.uint8).reshape(count, c.frame_bytes) for array, c in zip(raws, self.inputs)]
        results = [np.empty((count, channel.frame_bytes), np.uint8) for channel in self.outputs]
        if count:
            try:
                self._prepare()
                if self.features["DMA"]:
                    self._run_dma(data, results, count, progress)
                else:
                    sizes = [result.size for result in results]
                    for result, found in zip(results, self.machine.transfer([one.tobytes() for one in data], sizes)):
                        result[:] = np.frombuffer(found, np.uint8).reshape(result.shape)
            except BaseException:
                self._stop()
                raise
            self._clean = True
        found = []
        for channel, result in zip(self.outputs, results):
            values = result.reshape(-1).view(channel.dtype)
            if top1:
                best = values.reshape(count, -1).argmax(axis=1) if count else np.zeros(0, np.int64)
                found.append(best)
            else:
                if not raw:
                    values = channel.real(values)
                elif channel.dtype != np.uint64:
                    values = values.astype(np.int64)
                found.append(values.reshape((count,) + channel.shape))
        return found[0] if len(found) == 1 else found

    @property
    def top1(self):
        """Of each output the index of the greatest value in the latest frame, by the chip; None where it doesn't find it."""
        return [self.machine.read(one.offsets["TOP1"]) if one.top1 else None for one in self.outputs]

    def reset(self):
        """The chip as after power-up; returns when memory has answered all that it was asked. Raises Hangs."""
        machine, until = self.machine, self.machine.time() + self.patience
        machine.write(REGISTERS["CONTROL"], 2)
        while machine.read(REGISTERS["CONTROL"]) & 2:
            if machine.time() > until:
                raise Hangs("reset isn't done", ["memory doesn't answer bursts that were begun: only a reboot helps"])
        self._clean = True

    def _stop(self):
        """After an error, so that no engine writes into memory that is somebody else's then."""
        try:
            self.reset()
        except Exception:  # the error that led here is the one to show
            self._clean = False

    def _prepare(self):
        if not self._clean:
            self.reset()
        if self.features["DMA"] and self._layout is None:
            self._layout = self._place()
            self.machine.sync_for_device(0, len(self.machine.buffer))
        self._clean = False
        self.machine.write(REGISTERS["INTERRUPT_ENABLE"], 3)
        self.machine.write(REGISTERS["CONTROL"], 1)

    def _place(self):
        """(frames that fit, for each channel (offset in the buffer, bytes from one frame to the next))."""
        strides = [-(-channel.frame_bytes // LINE) * LINE for channel in self.inputs + self.outputs]
        need, buffer = sum(strides), self.machine.buffer
        if buffer is None:
            raise BufferTooSmall(
                "there is no memory that processor and chip share: load u-dma-buf with %d bytes or more, "
                "as in 'modprobe u-dma-buf udmabuf0=%d'" % (need, max(need * SLOTS, 1 << 20))
            )
        slots = min(SLOTS, len(buffer) // need)
        if not slots:
            raise BufferTooSmall(
                "the shared memory has %d bytes; a frame and its scores take %d, %d are good"
                % (len(buffer), need, need * SLOTS)
            )
        if self.machine.address % 8 or self.machine.address + len(buffer) > WRAP:
            raise BufferTooSmall(f"the shared memory is at 0x{self.machine.address:x}: not a multiple of 8 below 4 GB")
        places, at = [], 0
        for stride in strides:
            places.append((at, stride))
            at += stride * slots
        return slots, places

    def _run_dma(self, data, results, count, progress):
        machine, read, write = self.machine, self.machine.read, self.machine.write
        slots, _ = self._layout
        least = max(1, min(slots, 16) // 4)  # frames at once: each time the caches are synchronised
        start = [read(channel.offsets["DONE"]) for channel in self.outputs]
        pushed = finished = 0
        moved, seen = machine.time(), None
        while finished < count:
            write(REGISTERS["INTERRUPT_STATUS"], 7)  # before DONE is read: what is done later raises it again
            done = [(read(channel.offsets["DONE"]) - first) % WRAP for channel, first in zip(self.outputs, start)]
            errors = read(REGISTERS["ERRORS"])
            if errors:
                raise self._failed(errors)
            ready = min(done)
            if ready > finished:
                self._take(results, finished, ready)
                finished = ready
                if progress is not None:
                    progress(finished)
            more = min(count - pushed, slots - (pushed - finished))
            for channel in self.inputs + self.outputs if more else ():
                more = min(more, decode("QUEUE", read(channel.offsets["QUEUE"]))["ROOM"])
            sends = more >= min(least, count - pushed) > 0
            if sends:
                self._push(data, pushed, pushed + more)
                pushed += more
            if sends or finished == count:
                moved = machine.time()
                continue
            waits_for_room = pushed < count and pushed - finished < slots
            machine.wait(0.001 if waits_for_room else 0.1)
            state = [read(c.offsets[name]) for c in self.inputs + self.outputs for name in ("DONE", "FRAMES", "QUEUE")]
            if state != seen:
                moved, seen = machine.time(), state
            elif machine.time() - moved > self.patience:
                raise Hangs(
                    "nothing moved for %g s, %d of %d frames are done" % (self.patience, finished, count),
                    self.explain(),
                )

    def _push(self, data, first, last):
        """Frames `first` to `last` into the buffer, and into the queues: room for their scores before them."""
        slots, places = self._layout
        buffer, base, write, inputs = self.machine.buffer, self.machine.address, self.machine.write, len(self.inputs)
        for at, frame_range in _runs(first, last, slots):
            for channel, (offset, stride), frames in zip(self.inputs, places, data):
                begin, end = offset + at * stride, offset + (at + len(frame_range)) * stride
                ring = buffer[begin:end].reshape(-1, stride)
                ring[:, : channel.frame_bytes] = frames[frame_range.start : frame_range.stop]
                self.machine.sync_for_device(begin, end - begin)
            for k, frame in enumerate(frame_range, at):
                for channel, (offset, stride) in zip(self.outputs, places[inputs:]):
                    write(channel.offsets["ADDRESS"], base + offset + k * stride)
                    write(channel.offsets["PUSH"], frame % WRAP)
                for channel, (offset, stride) in zip(self.inputs, places):
                    write(channel.offsets["ADDRESS"], base + offset + k * stride)
                    write(channel.offsets["PUSH"], frame % WRAP)

    def _take(self, results, first, last):
        """The scores of frames that are done."""
        slots, places = self._layout
        for at, frame_range in _runs(first, last, slots):
            for channel, (offset, stride), result in zip(self.outputs, places[len(self.inputs) :], results):
                begin, end = offset + at * stride, offset + (at + len(frame_range)) * stride
                self.machine.sync_for_cpu(begin, end - begin)
                ring = self.machine.buffer[begin:end].reshape(-1, stride)
                result[frame_range.start : frame_range.stop] = ring[:, : channel.frame_bytes]

    def _failed(self, errors):
        """The exception for what ERRORS says; with the first frame that met it."""
        names = [name for name, bit in decode("ERRORS", errors).items() if bit]
        said = "; ".join(f"{name}: {MEANING[name]}" for name in names)
        hit = []
        for channel in self.inputs + self.outputs:
            if self.machine.read(channel.offsets["FAILED"]):
                hit.append((self.machine.read(channel.offsets["FAILED_NUMBER"]), channel.name))
        if not hit:
            return FrameFailed(said)
        frame, name = min(hit)
        return FrameFailed("frame %d, at '%s': %s" % (frame, name, said), frame)

    # --- what the chip does, and why it hangs ---

    def status(self):
        """Every register that can be read, decoded: name -> number, or field -> number; INPUT0, OUTPUT0, ... -> such a dict."""
        read = self.machine.read
        found = {name: decode(name, read(offset)) for name, offset in REGISTERS.items()}
        for channel in self.inputs + self.outputs:
            found["%s%d" % (channel.kind, channel.k)] = {
                name: decode(name, read(offset))
                for name, offset in channel.offsets.items()
                if name != "PUSH" and (self.features["DMA"] or name not in DMA_ONLY)
            }
        return found

    def fills(self):
        """The highest fill of each FIFO since reset, in beats, in the order of the report."""
        found = []
        for k in range(self.machine.read(REGISTERS["FIFOS"])):
            self.machine.write(REGISTERS["FIFO_SELECT"], k)
            found.append(self.machine.read(REGISTERS["FIFO_FILL"]))
        return found

    def explain(self):
        """What the chip does, and what it waits for, line by line in plain words. The counters are read twice."""
        before = self.status()
        self.machine.wait(0.02)
        now = self.status()
        lines = [f"{name}: {MEANING[name]}" for name, bit in now["ERRORS"].items() if bit]
        if now["STATUS"]["RESETTING"]:
            return lines + ["a reset is under way, until memory has answered all bursts that were begun"]
        if not now["CONTROL"]["ENABLE"]:
            lines.append("not enabled: frames that are queued don't begin (register CONTROL)")
        waits, moves = [], False
        for channel in self.inputs + self.outputs:
            key = "%s%d" % (channel.kind, channel.k)
            counter = "STARVED" if channel.kind == "INPUT" else "BLOCKED"
            rises = now[key][counter] != before[key][counter]
            moves = moves or now[key]["FRAMES"] != before[key]["FRAMES"]
            if rises and now["STATUS"]["BUSY"]:
                waits.append(self._waits(channel, now[key]))
        lines += waits
        if now["STATUS"]["IDLE"]:
            lines.append("idle: no frame of an input is queued or under way")
        elif moves:
            lines.append("frames pass: the chip works")
        elif not waits and now["CONTROL"]["ENABLE"]:
            lines.append(
                "the network itself stands still, or a frame takes long: it neither waits for frames nor for room for scores; "
                "if that stays so, report it"
            )
            if self.features["FILLS"]:
                lines.append("highest fills of its FIFOs, in beats: {}".format(", ".join(map(str, self.fills()))))
        for channel in self.inputs + self.outputs:
            state = now["%s%d" % (channel.kind, channel.k)]
            line = "'%s': %d frames passed the network's port" % (channel.name, state["FRAMES"])
            if self.features["DMA"]:
                line += ", %d wait in the queue, %d done" % (state["QUEUE"]["WAITING"], state["DONE"])
            lines.append(line)
        return lines

    def _waits(self, channel, state):
        """Of an input that starves, or an output that is blocked."""
        what = "waits for frames at '%s'" if channel.kind == "INPUT" else "can't get rid of scores at '%s'"
        line = "the network " + what % channel.name
        if not self.features["DMA"]:
            return line + ": the serial line is slower, or the host sends and fetches none"
        if state["QUEUE"]["WAITING"]:
            return f"{line}, though its queue isn't empty: memory is slow, or its port stands still (reboot if nothing moves)"
        missing = "no frame" if channel.kind == "INPUT" else "no room for scores"
        return f"{line}: {missing} is queued there"


def decode(name, word):
    """A register's word by its fields; the number itself where it has none."""
    fields = FIELDS.get(name)
    if fields is None:
        return word
    return {field: word >> low & ((1 << width) - 1) for field, (low, width) in fields.items()}


def load_model(model):
    """A model's .json, from its path; a dict is one already. Raises DriverError."""
    if model is None:
        return None
    found = model
    if not isinstance(model, dict):
        try:
            with open(str(model), encoding="utf-8") as file:
                found = json.load(file)
        except (OSError, ValueError) as error:
            raise DriverError(f"{model} isn't a model's .json: {error}") from None
    if not isinstance(found, dict) or not {"model", "hash", "inputs", "outputs"} <= set(found):
        raise DriverError(f"{model} isn't a model's .json: give that which hwgen wrote beside the bitstream")
    return found


def _runs(first, last, slots):
    """(slot, frames) of frames first to last in a ring of slots, cut where it wraps."""
    while first < last:
        at = first % slots
        end = min(last, first + slots - at)
        yield at, range(first, end)
        first = end


def _text(path):
    """Of a small file, stripped; None where there is none."""
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return None


# --- Linux: what is loaded, how to load, at what clock ----------------------------------------------------------------


def _manager(root):
    """The folder of the FPGA manager, or None."""
    return next(iter(sorted(glob.glob(os.path.join(root, "sys/class/fpga_manager/*")))), None)


def check_loaded(root="/"):
    """Raises NotLoaded where the FPGA manager says that the logic is empty; a register would then never answer."""
    folder = _manager(root)
    state = _text(os.path.join(folder, "state")) if folder else None
    if state is not None and state != "operating":
        raise NotLoaded(
            f"no bitstream is loaded, the FPGA manager says '{state}'; load one first: hwgen_driver.py load MODEL.bit.bin"
        )


def find_uio(root="/", base=BASE):
    """Name of the UIO device that is called after hwgen, or else of the one at the registers' address; None without any."""
    folders = sorted(glob.glob(os.path.join(root, "sys/class/uio/uio*")))
    for folder in folders:
        if "hwgen" in (_text(os.path.join(folder, "name")) or ""):
            return os.path.basename(folder)
    for folder in folders:
        if int(_text(os.path.join(folder, "maps/map0/addr")) or "0", 0) == base:
            return os.path.basename(folder)
    return None


def _note(root):
    return os.path.join(root, "run/hwgen_loaded")


def mark(root="/"):
    """Notes, until the next reboot, that a chip of hwgen is loaded: one whose registers answer."""
    with open(_note(root), "w") as file:
        file.write("a chip of hwgen was loaded\n")


def unmark(root="/"):
    """Forgets that."""
    if os.path.exists(_note(root)):
        os.remove(_note(root))


def stop(machine):
    """Lets a chip of hwgen finish its bursts: one that is cut off leaves the processor's memory port waiting for good."""
    if machine.read(REGISTERS["MAGIC"]) != MAGIC:
        return
    machine.write(REGISTERS["CONTROL"], 2)
    until = time.monotonic() + 1
    while machine.read(REGISTERS["CONTROL"]) & 2:
        if time.monotonic() > until:
            raise Hangs(
                "the running chip doesn't end its reset", ["memory doesn't answer it; reboot before you load another"]
            )


def load(path, root="/", machine=None):
    """Loads a .bit.bin through Linux's FPGA manager. A chip of hwgen that runs is stopped first. Raises DriverError.

    machine: that of the running chip; found by itself where an earlier `load` noted one (to read a register of an unknown
    bitstream may stop the processor).
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise DriverError(f"can't read {path}: {error.strerror}") from None
    if b"\x66\x55\x99\xaa" not in data[:4096]:
        raise DriverError(f"{path} isn't for the FPGA manager: give the .bit.bin that hwgen writes beside the .bit")
    folder = _manager(root)
    if folder is None or not os.path.exists(os.path.join(folder, "firmware")):
        raise DriverError(
            "this Linux can't load a bitstream from here (no /sys/class/fpga_manager/fpga0/firmware): use fpgautil, a device "
            "tree overlay, U-Boot ('fpga loadb') or PYNQ"
        )
    running = Linux(root) if machine is None and os.path.exists(_note(root)) else machine
    if running is not None:
        try:
            stop(running)
        finally:
            if machine is None:
                running.close()
    unmark(root)
    name = os.path.basename(path)
    try:
        firmware = os.path.join(root, "lib/firmware")
        os.makedirs(firmware, exist_ok=True)
        with open(os.path.join(firmware, name), "wb") as file:
            file.write(data)
        for what, value in (("flags", "0"), ("firmware", name)):
            with open(os.path.join(folder, what), "w") as file:
                file.write(value)
    except OSError as error:
        raise DriverError(
            f"the FPGA manager refused {name} ({error}); are you root, and is it for this chip?"
        ) from None
    check_loaded(root)
    mark(root)


def set_clock(clock_hz, root="/"):
    """FCLK0 to this rate or just below, where Linux offers it. Returns a line that says what was done, or has to be."""
    patterns = (
        "sys/devices/soc0/fclk0/set_rate",
        "sys/devices/soc0/*/fclk0/set_rate",
        "sys/devices/soc0/*/*/fclk/fclk0/set_rate",
    )
    found = [path for pattern in patterns for path in sorted(glob.glob(os.path.join(root, pattern)))]
    need = "FCLK0 has to be %g MHz or slower" % (clock_hz / 1e6)
    if not found:
        return (
            need
            + ": this Linux doesn't offer it here; set it in the device tree (fclk, assigned-clock-rates), U-Boot or PYNQ"
        )
    try:
        with open(found[0], "w") as file:
            file.write("%d" % clock_hz)
        rate = int(_text(found[0]).split()[0])
    except (OSError, ValueError, IndexError) as error:
        raise DriverError(f"{need}: {found[0]} refused it ({error})") from None
    if rate > clock_hz:
        raise DriverError(f"{need}: the board made {rate / 1e6:g} MHz of it; ask for a lower clock in {found[0]}")
    return "FCLK0 is %g MHz" % (rate / 1e6)


# --- the command line -------------------------------------------------------------------------------------------------


def _beside():
    """The model's .json in this file's folder, where there is one alone."""
    found = glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "*.json"))
    return found[0] if len(found) == 1 else None


def _read_frames(path):
    """(frames, labels or None) of .npy, or .npz with x or an array for each input."""
    try:
        stored = np.load(path, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return stored, None
        arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError) as error:
        raise FramesError(f"can't read frames from {path}: {error}") from None
    labels = arrays.pop("y", None)
    frames = {name: array for name, array in arrays.items() if not name.startswith(("expected", "y"))}
    return frames, labels


def _say_status(chip):
    for name, value in sorted(chip.status().items()):
        if not isinstance(value, dict):
            print("%-18s 0x%08x  %d" % (name, value, value))
            continue
        for field, inner in value.items():
            shown = " ".join("%s=%d" % pair for pair in inner.items()) if isinstance(inner, dict) else "%d" % inner
            print("%-18s %s" % (f"{name}.{field}", shown))
    print(f"model hash {chip.hash}, built for {chip.clock_hz / 1e6:g} MHz")
    for line in chip.explain():
        print(line)


def _say_run(chip, options):
    frames, labels = _read_frames(options.file)
    start = time.monotonic()
    scores = chip.run(frames, raw=options.raw)
    seconds = time.monotonic() - start
    scores = scores if isinstance(scores, list) else [scores]
    count = len(scores[0])
    print("%d frames in %.3f s, %.0f frames/s" % (count, seconds, count / max(seconds, 1e-9)))
    best = scores[0].reshape(count, -1).argmax(axis=1) if count else np.zeros(0, int)
    print("greatest score of the first frames: {}".format(" ".join(map(str, best[:20]))))
    if labels is not None and len(labels) == count and count:
        print("%.2f %% as the labels say" % (100 * float((best == np.reshape(labels, -1)).mean())))
    for k, array in enumerate(scores if options.output else []):
        base, end = os.path.splitext(options.output)
        np.save("{}{}{}".format(base, k or "", end or ".npy"), array)


def main(arguments=None, root="/"):
    """The exit code: 0, or 1 with one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="hwgen_driver.py", description="Drives a chip of hwgen.")
    parser.add_argument("--model", default=_beside(), help="the model's .json; by default the one beside this file")
    parser.add_argument("--serial", metavar="DEVICE", help="of a board at a serial line, as /dev/ttyUSB0")
    commands = parser.add_subparsers(dest="command", metavar="load, status or run")
    commands.required = True
    commands.add_parser("load", help="load a bitstream, set the clock").add_argument("file", help="a .bit.bin")
    commands.add_parser("status", help="the registers, and what they mean; changes nothing")
    run = commands.add_parser("run", help="run frames, print the classes")
    run.add_argument("file", help="frames as the model takes them: .npy, or .npz with x and perhaps labels y")
    run.add_argument("-o", "--output", metavar="SCORES.npy", help="write the scores")
    run.add_argument("--raw", action="store_true", help="scores as the chip's integers")
    options = parser.parse_args(arguments)
    try:
        if options.command == "load":
            model = load_model(options.model)
            load(options.file, root)
            print(f"{options.file} is loaded")
            if model and "clock_hz" in model:
                print(set_clock(model["clock_hz"], root))
            return 0
        machine = Serial.open(options.serial) if options.serial else Linux(root)
        if options.command == "run":
            with Accelerator.open(options.model, machine) as chip:
                _say_run(chip, options)
            return 0
        try:
            _say_status(Accelerator(machine))
        finally:
            machine.close()
        return 0
    except (DriverError, OSError, ImportError) as error:
        print(f"hwgen_driver.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
