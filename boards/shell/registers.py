"""The register map of every shell, declared once: hardware, host driver and C header are made from it.

Registers are 32 bits wide, little-endian, at byte offsets in a window of 4 KB; only whole words are written. What isn't
declared reads 0 and ignores writes. A bank's registers stand once for each input, or output, of the network: those of
input k at 0x400 + 0x40 · k, those of output k at 0x800 + 0x40 · k.

Access: "const" is fixed when the chip is built; "ro" is read only; "rw" reads as it was written; "wo" acts when it is
written, and reads 0; "w1c" are sticky bits, of which writing a 1 clears that one.
"""

from __future__ import annotations

from dataclasses import dataclass

WINDOW = 0x1000  # bytes
CHANNELS = 16  # most inputs, and outputs, that the map has room for
MAGIC = 0x6E677768  # the bytes "hwgn"
VERSION = (1, 0)  # of this map: (major, minor); a driver takes its own major only
HASH_WORDS = 4


@dataclass(frozen=True)
class Bits:
    """Part of a register: `width` bits from bit `low` on."""

    name: str
    low: int
    width: int
    doc: str

    @property
    def mask(self) -> int:
        return ((1 << self.width) - 1) << self.low


@dataclass(frozen=True)
class Register:
    """A word of 32 bits. offset: bytes, from the start of the window or of its bank. reset: its value after reset; of a
    "const" the value for every chip, None where it depends on the network. dma: only in shells that have DMA engines,
    elsewhere it reads 0. bits: the fields where it is more than one number."""

    offset: int
    name: str
    access: str
    doc: str
    bits: tuple[Bits, ...] = ()
    reset: int | None = 0
    dma: bool = False

    def __getitem__(self, name: str) -> Bits:
        """The bits of that name. KeyError."""
        return {part.name: part for part in self.bits}[name]


@dataclass(frozen=True)
class Bank:
    """Registers that stand once for each input or output. offset, stride: bytes."""

    name: str
    offset: int
    stride: int
    registers: tuple[Register, ...]


def _flags(*flags: tuple[str, str]) -> tuple[Bits, ...]:
    return tuple(Bits(name, at, 1, doc) for at, (name, doc) in enumerate(flags))


GLOBAL = (
    Register(0x000, "MAGIC", "const", 'the bytes "hwgn": a chip of hwgen', reset=MAGIC),
    Register(
        0x004,
        "VERSION",
        "const",
        "of this register map",
        (Bits("MINOR", 0, 16, "more registers, those before as they were"), Bits("MAJOR", 16, 16, "a different map")),
        VERSION[0] << 16 | VERSION[1],
    ),
    Register(
        0x008,
        "FEATURES",
        "const",
        "what this chip has",
        (
            Bits("DMA", 0, 1, "engines that fetch frames from memory and write scores back"),
            Bits("FILLS", 1, 1, "the highest fill of each FIFO is recorded"),
            Bits("INPUTS", 8, 8, "inputs of the network"),
            Bits("OUTPUTS", 16, 8, "outputs of the network"),
        ),
        None,
    ),
    Register(0x00C, "CLOCK", "const", "Hz that the chip was built for; counters count its cycles", reset=None),
    *(
        Register(
            0x010 + 4 * k, f"MODEL_HASH{k}", "const", f"bytes {4 * k} to {4 * k + 3} of the model's hash", reset=None
        )
        for k in range(HASH_WORDS)
    ),
    Register(0x020, "FIFOS", "const", "FIFOs whose highest fill is recorded", reset=None),
    Register(
        0x040,
        "CONTROL",
        "rw",
        "enable, and reset",
        (
            Bits("ENABLE", 0, 1, "start: frames that are queued begin; while 0 those begun are finished, none begins"),
            Bits(
                "RESET",
                1,
                1,
                "write 1: transfers on the bus are completed, then network, queues, counters, errors and interrupts "
                "are as after power-up; reads 1 until that is done, and meanwhile other writes are ignored",
            ),
        ),
    ),
    Register(
        0x044,
        "STATUS",
        "ro",
        "what the chip does now",
        _flags(
            ("IDLE", "no frame of an input is queued, and none is on the bus or in the network"),
            ("BUSY", "not idle"),
            ("DONE", "a frame's last score was written since reset, and no frame is on its way"),
            ("ERROR", "one of ERRORS is set"),
            ("RESETTING", "a reset is under way"),
        ),
        reset=1,
    ),
    Register(
        0x048,
        "ERRORS",
        "w1c",
        "what went wrong; the frame goes on to its end, its scores mean nothing",
        _flags(
            ("READ_SLVERR", "memory answered a read with SLVERR"),
            ("READ_DECERR", "no memory at the address of a read (DECERR)"),
            ("WRITE_SLVERR", "memory answered a write with SLVERR"),
            ("WRITE_DECERR", "no memory at the address of a write (DECERR)"),
            ("MISALIGNED", "a frame's address wasn't a multiple of 8; it was not queued"),
            ("OVERFLOW", "a frame was pushed while its queue was full; it was not queued"),
            ("INPUT_TLAST", "TLAST out of place at an input of the network; reset to go on"),
            ("OUTPUT_TLAST", "TLAST out of place at an output of the network; reset to go on"),
        ),
    ),
    Register(
        0x050,
        "INTERRUPT_ENABLE",
        "rw",
        "which of INTERRUPT_STATUS raise the interrupt",
        _flags(
            ("DONE", "a frame's scores were written"),
            ("ERROR", "one of ERRORS was set"),
            ("IDLE", "the chip became idle"),
        ),
    ),
    Register(
        0x054,
        "INTERRUPT_STATUS",
        "w1c",
        "what happened, enabled or not",
        _flags(
            ("DONE", "a frame's scores were written"),
            ("ERROR", "one of ERRORS was set"),
            ("IDLE", "the chip became idle"),
        ),
    ),
    Register(0x060, "CYCLES_LOW", "ro", "cycles since reset; reading it holds CYCLES_HIGH still"),
    Register(0x064, "CYCLES_HIGH", "ro", "the upper 32 bits, as they were when CYCLES_LOW was read"),
    Register(0x068, "BUSY_CYCLES", "ro", "cycles in which the chip wasn't idle, modulo 2^32"),
    Register(
        0x070,
        "FIFO_SELECT",
        "rw",
        "the FIFO that FIFO_FILL is of, from 0, in the order of the report",
        (Bits("INDEX", 0, 16, "its number"),),
    ),
    Register(0x074, "FIFO_FILL", "ro", "most beats that the selected FIFO held since reset"),
)

# In both banks: what the frames are, and what passed the network's own port.
_FRAMES = (
    Register(0x00, "ROWS", "const", "H of the shape (H, W, C) of a frame", reset=None),
    Register(0x04, "COLUMNS", "const", "W", reset=None),
    Register(0x08, "CHANNELS", "const", "C", reset=None),
    Register(
        0x0C,
        "TYPE",
        "const",
        "of a value: raw · 2^-FRACTION / DIVISOR",
        (
            Bits("WIDTH", 0, 8, "bits in hardware"),
            Bits("SIGNED", 8, 1, "two's complement"),
            Bits("TOP1", 9, 1, "of an output: it has TOP1"),
            Bits("BYTES", 12, 4, "in memory, little-endian: 1, 2, 4 or 8"),
            Bits("FRACTION", 16, 16, "fractional bits, two's complement"),
        ),
        None,
    ),
    Register(0x10, "DIVISOR", "const", "1, or what a sum that stands for an average is divided by", reset=None),
    Register(0x14, "FRAME_BYTES", "const", "of a frame in memory: the values in raster order, channels last", reset=None),
    Register(0x18, "FRAMES", "ro", "frames that passed the network's port wholly since reset, modulo 2^32"),
)  # fmt: skip
# In both banks of a shell with DMA. A descriptor is an address and a number of the host's choice.
_QUEUE = (
    Register(0x20, "ADDRESS", "rw", "byte address of the next frame to push, a multiple of 8", dma=True),
    Register(0x24, "PUSH", "wo", "queues the frame at ADDRESS; the word written is the frame's number", dma=True),
    Register(
        0x28,
        "QUEUE",
        "ro",
        "of frames pushed",
        (
            Bits("WAITING", 0, 8, "not begun"),
            Bits("ROOM", 8, 8, "more that can be pushed"),
            Bits("DEPTH", 16, 8, "most that can wait"),
        ),
        None,
        True,
    ),
    Register(0x2C, "DONE", "ro", "frames wholly transferred since reset, modulo 2^32", dma=True),
    Register(0x30, "DONE_NUMBER", "ro", "the number of the latest of them", dma=True),
    Register(
        0x34, "FAILED_NUMBER", "ro", "the number of the first frame with an error on the bus since reset", dma=True
    ),
    Register(0x38, "FAILED", "ro", "frames with an error on the bus since reset, 255 for all that are more", dma=True),
)

INPUT = Bank(
    "INPUT",
    0x400,
    0x40,
    (
        *_FRAMES,
        Register(
            0x1C, "STARVED", "ro", "busy cycles in which the network would have taken a beat and had none, modulo 2^32"
        ),
        *_QUEUE,
    ),
)
OUTPUT = Bank(
    "OUTPUT",
    0x800,
    0x40,
    (
        *_FRAMES,
        Register(0x1C, "BLOCKED", "ro", "cycles in which the network had a beat that nobody took, modulo 2^32"),
        *_QUEUE,
        Register(0x3C, "TOP1", "ro", "index of the greatest value, the first on ties, of the latest frame of FRAMES"),
    ),
)
BANKS = (INPUT, OUTPUT)


def registers(inputs: int, outputs: int) -> dict[int, tuple[str, Register]]:
    """offset in the window -> (full name, register), for a network of so many inputs and outputs; in rising order.

    A bank's registers are named INPUT0_FRAMES and so on. Raises ValueError where the map has no room.
    """
    for count in (inputs, outputs):
        if not 1 <= count <= CHANNELS:
            raise ValueError(f"the register map has room for 1 to {CHANNELS} inputs and outputs, not {count}")
    found = {register.offset: (register.name, register) for register in GLOBAL}
    for bank, count in zip(BANKS, (inputs, outputs)):
        for k in range(count):
            for register in bank.registers:
                found[offset(register.name, bank, k)] = (f"{bank.name}{k}_{register.name}", register)
    return found


def offset(name: str, bank: Bank | None = None, k: int = 0) -> int:
    """Bytes from the start of the window to a register, of a bank that of input or output k. KeyError."""
    if bank is None:
        return register(name).offset
    return bank.offset + bank.stride * k + register(name, bank).offset


def register(name: str, bank: Bank | None = None) -> Register:
    """KeyError where there is none of that name."""
    return {found.name: found for found in (GLOBAL if bank is None else bank.registers)}[name]
