"""The shell at the end of a serial line, under cocotb, bit by bit; and the packets by themselves."""

import random
from dataclasses import replace

import numpy as np
import pytest

from hwgen.boards.shell import uart_packet as packet
from hwgen.boards.shell.identity import identity
from hwgen.boards.shell.shell import EmittedShell, verilog_of
from hwgen.boards.shell.uart_packet import Packet, crc, decode
from hwgen.boards.shell.uart_shell import Line, UartShell
from hwgen.errors import OptionError
from hwgen.graph import evaluate
from hwgen.layers.axi import pack
from hwgen.passes.emit import emit
from tests.graphs import inception, random_frames
from tests.shell.line import DIVISOR, TIMEOUT
from tests.shell.loop import loop
from tests.shell.simulation import Config, Simulation
from tests.test_end_to_end import hardware

LINE = Line(DIVISOR, TIMEOUT)


def looped(shapes, folder) -> Simulation:
    emitted, found = loop(shapes)
    found = replace(found, dma=False)
    rng = random.Random(str(shapes))
    frames = [[rng.randbytes(beats * size) for beats, size in shapes] for _ in range(2)]
    scores = [[bytes(255 - byte for byte in data) for data in frame] for frame in frames]
    text = verilog_of(UartShell(emitted, found, LINE), emitted, "loop_shell")
    return Simulation(EmittedShell("loop_shell", text, found), Config(found, frames, scores), folder)


@pytest.mark.parametrize(
    "shapes", [[(15, 3)], [(1, 1)], [(3, 12), (2, 2)]], ids=lambda shapes: "+".join(f"{a}x{b}" for a, b in shapes)
)
def test_frames(shapes, tmp_path):
    looped(shapes, tmp_path).run("tests.shell.drive_uart", 4)


def test_protocol(tmp_path):
    looped([(35, 2)], tmp_path).run("tests.shell.drive_uart_faults", 6)


def test_a_network(tmp_path):
    """Branches and all: the scores are those of the integer model, computed apart from the hardware."""
    integer = inception(3, (5, 4, 2))
    graph = hardware(integer)
    emitted = emit(graph, "ecp5", levels=True)
    found = identity(integer, graph, 50.0, dma=False, fills=True)
    raw = random_frames(integer, 3, seed=3)
    values = evaluate(integer, raw)
    sent = [pack(raw[name], integer[name].type) for name in integer.inputs]
    expected = [pack(values[ref.node], integer[ref.node].type) for ref in integer.outputs]
    frames, scores = (
        [[data[k * len(data) // 3 : (k + 1) * len(data) // 3] for data in whole] for k in range(3)]
        for whole in (sent, expected)
    )
    assert np.unique(np.frombuffer(b"".join(expected), np.uint8)).size > 5
    text = verilog_of(UartShell(emitted, found, LINE), emitted, "chip")
    Simulation(EmittedShell("chip", text, found), Config(found, frames, scores), tmp_path).run(
        "tests.shell.drive_uart_network", 1
    )


def test_packets():
    assert crc(b"123456789") == 0x29B1  # the check value of CRC-16/CCITT-FALSE, as catalogues of CRCs have it
    rng = random.Random(5)
    for size in (0, 1, 5, packet.MOST):
        one = Packet(rng.randrange(16), rng.randrange(16), rng.randrange(256), rng.randbytes(size))
        data = one.encode(packet.REPLY)
        assert decode(data) == one and packet.size(data) == len(data) and crc(data[1:]) == 0
        for bad in (data[:-1], data + b"\0", one.encode(packet.REQUEST), data[:-1] + bytes([data[-1] ^ 1])):
            with pytest.raises(ValueError):
                decode(bad)


def test_rates():
    assert Line.at(50_000_000) == Line(50, 2_500_000)
    assert Line.at(48_000_000, 115_200).divisor == 417
    with pytest.raises(OptionError, match="a clock of 7 MHz can't make 3,000,000 baud within 2 %"):
        Line.at(7_000_000, 3_000_000)
