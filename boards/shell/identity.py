"""What a chip says of itself in its registers: which model it computes, and what frames look like."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from fractions import Fraction

import numpy as np

from hwgen.boards.shell.registers import CHANNELS, GLOBAL, HASH_WORDS, INPUT, OUTPUT, Register, register
from hwgen.errors import OptionError
from hwgen.graph import Graph
from hwgen.layers.axi import element_bytes
from hwgen.layers.sink import Sink
from hwgen.layers.source import Source
from hwgen.passes.emit import fifos, port_prefix
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Port:
    """An outer AXI4-Stream of the network. top1: TUSER of a frame's last beat is the index of the greatest value."""

    type: TensorType
    lanes: int
    top1: int = 0  # bits of TUSER

    @property
    def beat_bytes(self) -> int:
        """Bytes of TDATA."""
        return self.lanes * element_bytes(self.type)

    @property
    def beats(self) -> int:
        """Beats a frame."""
        return self.type.size // self.lanes

    @property
    def frame_bytes(self) -> int:
        return self.type.size * element_bytes(self.type)


@dataclass(frozen=True)
class Channel:
    """The k-th input or output. kind: "input" or "output"."""

    kind: str
    k: int
    port: Port

    @property
    def name(self) -> str:
        return f"{self.kind}{self.k}"

    @property
    def axis(self) -> str:
        """What the network calls the stream."""
        return port_prefix("s" if self.kind == "input" else "m", self.k)


@dataclass(frozen=True)
class Identity:
    """All that is built into a chip's registers. fifos: depths of those whose highest fill is recorded; hash: of the
    model, see `model_hash`. dma: the chip has DMA engines."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    fifos: tuple[int, ...]
    clock_hz: int
    hash: bytes
    dma: bool

    def __post_init__(self):
        for what, count in (("inputs", len(self.inputs)), ("outputs", len(self.outputs))):
            if not 1 <= count <= CHANNELS:
                raise OptionError(
                    f"a shell has room for {CHANNELS} {what}, not {count}; build the network without shell"
                )

    @property
    def channels(self) -> list[Channel]:
        """All inputs, then all outputs."""
        both = (("input", self.inputs), ("output", self.outputs))
        return [Channel(kind, k, port) for kind, ports in both for k, port in enumerate(ports)]

    def constants(self) -> dict[str, int]:
        """Full name -> value of every "const" register."""
        found = {one.name: one.reset for one in GLOBAL if one.access == "const"}
        found |= {
            "FEATURES": packed(
                register("FEATURES"),
                DMA=self.dma,
                FILLS=bool(self.fifos),
                INPUTS=len(self.inputs),
                OUTPUTS=len(self.outputs),
            ),
            "CLOCK": self.clock_hz,
            "FIFOS": len(self.fifos),
        }
        for k in range(HASH_WORDS):
            found[f"MODEL_HASH{k}"] = int.from_bytes(self.hash[4 * k : 4 * k + 4], "little")
        for channel in self.channels:
            bank, port = INPUT if channel.kind == "input" else OUTPUT, channel.port
            values = dict(zip(("ROWS", "COLUMNS", "CHANNELS"), port.type.shape))
            values |= {"DIVISOR": port.type.divisor, "FRAME_BYTES": port.frame_bytes}
            values["TYPE"] = packed(
                register("TYPE", bank),
                WIDTH=port.type.width,
                SIGNED=port.type.signed,
                TOP1=bool(port.top1),
                BYTES=element_bytes(port.type),
                FRACTION=port.type.frac % (1 << 16),
            )
            found |= {f"{channel.name.upper()}_{name}": value for name, value in values.items()}
        return found


def packed(register: Register, **values: int) -> int:
    """The word in which the fields have these values, all others 0."""
    word = 0
    for name, value in values.items():
        part = register[name]
        assert 0 <= value < 1 << part.width, f"{register.name}.{name} can't be {value}"
        word |= value << part.low
    return word


def identity(integer: Graph, hardware: Graph, clock_mhz: float, *, dma: bool, fills: bool) -> Identity:
    """Of a compiled network. Raises OptionError where it has more inputs or outputs than the map has room for."""
    sources = [node.op for node in hardware.nodes if isinstance(node.op, Source)]
    sinks = [node.op for node in hardware.nodes if isinstance(node.op, Sink)]
    return Identity(
        tuple(Port(op.input, op.lanes) for op in sources),
        tuple(Port(op.input, op.lanes, op.argmax.index_width if op.top1 else 0) for op in sinks),
        tuple(node.op.depth for node in fifos(hardware)) if fills else (),
        round(clock_mhz * 1e6),
        model_hash(integer),
        dma,
    )


def model_hash(graph: Graph) -> bytes:
    """The first bytes of the SHA-256 of what a graph of integer operations computes: weights, types, names, structure.

    It doesn't depend on how the network is folded, so a slower and a faster chip of one model have the same.
    """
    digest = hashlib.sha256()
    for node in graph.nodes:
        _feed(digest, (node.name, tuple(map(str, node.inputs)), node.type, node.op))
    _feed(digest, (tuple(graph.inputs), tuple(map(str, graph.outputs))))
    return digest.digest()[: 4 * HASH_WORDS]


def _feed(digest, value) -> None:
    """Every kind of value in a form of its own, so that two different ones never give the same bytes."""
    if value is None or isinstance(value, (bool, int, str, bytes, Fraction, np.integer, np.bool_)):
        kind = "int" if isinstance(value, (int, np.integer)) else type(value).__name__
        text = str(int(value)) if kind == "int" else repr(value)
        digest.update(f"{kind} {len(text)} {text}\n".encode())
    elif isinstance(value, (float, np.floating)):
        digest.update(f"float {float(value).hex()}\n".encode())
    elif isinstance(value, np.ndarray):
        digest.update(f"array {value.shape} {value.dtype.kind}\n".encode())
        if value.dtype.kind in "iub":
            digest.update(np.ascontiguousarray(value).astype("<i8").tobytes())
        else:
            for one in value.reshape(-1).tolist():
                _feed(digest, one)
    elif isinstance(value, (tuple, list)):
        digest.update(f"sequence {len(value)}\n".encode())
        for one in value:
            _feed(digest, one)
    elif isinstance(value, Mapping):
        _feed(digest, sorted(value.items()))
    elif is_dataclass(value):
        _feed(digest, (type(value).__name__, [(f.name, getattr(value, f.name)) for f in fields(value)]))
    elif hasattr(value, "__dict__") and not callable(value):
        _feed(digest, (type(value).__name__, vars(value)))
    else:
        raise TypeError(f"a {type(value).__name__} can't be part of a model's hash")
