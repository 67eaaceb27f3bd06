"""The other end of a simulated serial line, bit by bit."""

from __future__ import annotations

import random

import cocotb
from cocotb.clock import Clock
from cocotb.queue import Queue
from cocotb.task import resume
from cocotb.triggers import FallingEdge, First, RisingEdge, Timer
from cocotb.utils import get_sim_time

from hwgen.boards.shell import uart_packet as packet
from hwgen.boards.shell.uart_host import Link
from hwgen.boards.shell.uart_packet import Packet
from tests.shell.host import config

PERIOD = 10  # ns
DIVISOR = 8  # cycles a bit
TIMEOUT = 3_000  # cycles
SLOWEST = 4_000_000  # ns for a reply


class Line:
    """`await Line.start(dut, seed)`. gap: bits of silence, at most, that the host leaves between two bytes.

    rate: the host's bits are so much longer than the chip's. received: bytes of the chip, as they come. host: a `Link`,
    to be used in a thread (`cocotb.task.bridge`). lose: the share of its bytes that are disturbed, both ways.
    """

    def __init__(self, dut, seed: int):
        self.dut, self.rng, self.config = dut, random.Random(seed), config()
        self.gap, self.rate = 0.0, 1.0
        self.received: Queue[int] = Queue()
        self.sequence = 0
        self.lose = 0.0
        self.host = Threaded(self).link()

    @classmethod
    async def start(cls, dut, seed: int = 0) -> Line:
        line = cls(dut, seed)
        dut.rx.value, dut.rst.value = 1, 1
        cocotb.start_soon(Clock(dut.clk, PERIOD, "ns").start())
        for _ in range(3):
            await RisingEdge(dut.clk)
        dut.rst.value = 0
        await Timer(10 * PERIOD * DIVISOR, "ns")
        cocotb.start_soon(line._listen())
        return line

    async def _bits(self, count: float) -> None:
        if count > 0:
            await Timer(round(count * DIVISOR * PERIOD * self.rate * 1000), "ps")

    async def _listen(self) -> None:
        while True:
            await FallingEdge(self.dut.tx)
            await self._bits(0.5)
            bits = []
            for _ in range(9):
                await self._bits(1)
                bits.append(int(self.dut.tx.value))
            assert bits[8] == 1, "the chip sent a byte without a stop bit"
            self.received.put_nowait(sum(bit << k for k, bit in enumerate(bits[:8])))

    async def write(self, data: bytes) -> None:
        for byte in data:
            for bit in (0, *(byte >> k & 1 for k in range(8)), 1):
                self.dut.rx.value = bit
                await self._bits(1)
            await self._bits(self.gap * self.rng.random())

    async def read(self, count: int, ns: float) -> bytes:
        """As `uart_host.Port` has it, with simulated time."""
        if self.received.empty() and ns > 0:
            waiter = cocotb.start_soon(self.received.get())
            await First(waiter, Timer(max(1, round(ns)), "ns"))
            if not waiter.done():
                waiter.cancel()
                return b""
            data = bytes([waiter.result()])
        else:
            data = b""
        while not self.received.empty() and len(data) < count:
            data += bytes([self.received.get_nowait()])
        return data

    async def reply(self, ns: float = SLOWEST) -> Packet | None:
        """The next packet of the chip; None where none comes in that time."""
        data = b""
        while len(data) < packet.HEAD or len(data) < packet.size(data):
            new = await self.read(1, ns)
            if not new:
                assert not data, f"half a reply: {data.hex(' ')}"
                return None
            data += new
        return packet.decode(data)

    async def ask(self, code: int, channel: int = 0, payload: bytes = b"", sequence: int | None = None) -> Packet:
        """A request of a new number, unless one is given, and its reply."""
        self.sequence = (self.sequence + 1) % 256 if sequence is None else sequence
        await self.write(Packet(code, channel, self.sequence, payload).encode())
        reply = await self.reply()
        assert reply is not None and (reply.channel, reply.sequence) == (channel, self.sequence)
        return reply

    async def get(self, offset: int) -> int:
        reply = await self.ask(packet.READ, 0, offset.to_bytes(2, "little"))
        assert reply.code == packet.OK and len(reply.payload) == 4
        return int.from_bytes(reply.payload, "little")

    async def put(self, offset: int, value: int) -> None:
        reply = await self.ask(packet.WRITE, 0, offset.to_bytes(2, "little") + value.to_bytes(4, "little"))
        assert (reply.code, reply.payload) == (packet.OK, b"")


class Threaded:
    """A `Line` as the port of a `uart_host.Link` that runs in a thread of its own; its seconds are the simulator's,
    longer by SCALE, as a chip that is simulated has no patience."""

    def __init__(self, line: Line):
        self.line = line

    def _disturbed(self, data: bytes) -> bytes:
        rng, lose = self.line.rng, self.line.lose
        return bytes(byte ^ 1 << rng.randrange(8) if rng.random() < lose else byte for byte in data)

    def write(self, data: bytes) -> None:
        resume(self.line.write)(self._disturbed(data))

    def read(self, count: int, seconds: float) -> bytes:
        return self._disturbed(resume(self.line.read)(count, seconds * 1e9 * SCALE))

    def link(self) -> Link:
        async def wait(seconds: float) -> None:
            await Timer(max(1, round(seconds * 1e9 * SCALE)), "ns")

        return Link(self, MOST, REPLY_WITHIN, lambda: get_sim_time("ns") / 1e9 / SCALE, resume(wait))


# Simulated seconds in one of the host's: packet.TIMEOUT becomes the chip's TIMEOUT, and a little more.
SCALE = 1.1 * TIMEOUT * PERIOD * 1e-9 / packet.TIMEOUT
MOST = 48  # bytes of frames in a packet of the link
REPLY_WITHIN = 40_000 * PERIOD * 1e-9 / SCALE
