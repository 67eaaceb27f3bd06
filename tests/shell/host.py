"""Memory, processor and a strict observer around a shell that is simulated under cocotb."""

from __future__ import annotations

import logging
import pickle
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.queue import Queue
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiMaster, AxiRam

from hwgen.boards.shell.registers import INPUT, OUTPUT, offset, register
from tests.shell.simulation import CONFIG, Config

SLVERR, DECERR = 2, 3
FILLER = 0xA5  # what lies in memory where nothing was written


def config() -> Config:
    return pickle.loads(Path(CONFIG).read_bytes())


class Host:
    """`await Host.start(dut, seed)`. registers: the processor, on AXI4-Lite or (not `lite`) AXI4. memory: of 2^32 bytes.
    bus: what was seen on it."""

    def __init__(self, dut, seed: int, lite: bool):
        self.dut, self.rng, self.config = dut, random.Random(seed), config()
        for name in ("awid", "awlen", "awsize", "awburst", "arid", "arlen", "arsize", "arburst"):
            getattr(dut, f"s_axi_{name}").value = 0
        dut.s_axi_wlast.value = 1
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.ERROR)
        if lite:
            self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk)
        else:
            self.registers = AxiMaster(AxiBus.from_prefix(dut, "s_axi"), dut.clk)
        self.memory = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, size=2**32)
        self.bus = BusWatch(dut)
        self.free = 0x1000_0000

    @classmethod
    async def start(cls, dut, seed: int = 0, lite: bool = True) -> Host:
        dut = getattr(dut, config().entity) if config().entity else dut
        cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
        dut.rst.value = 1
        host = cls(dut, seed, lite)
        for _ in range(3):
            await RisingEdge(dut.clk)
        dut.rst.value = 0
        await RisingEdge(dut.clk)
        cocotb.start_soon(host.bus.run())
        return host

    # --- registers ----------------------------------------------------------------------------------------------

    @staticmethod
    def address(name: str) -> int:
        """Of a register by its full name, as INPUT0_FRAMES."""
        for bank in (INPUT, OUTPUT):
            if name.startswith(bank.name) and name[len(bank.name)].isdigit():
                k, short = name.removeprefix(bank.name).split("_", 1)
                return offset(short, bank, int(k))
        return offset(name)

    async def read(self, name: str) -> int:
        return await self.registers.read_dword(self.address(name))

    async def write(self, name: str, value: int) -> None:
        await self.registers.write_dword(self.address(name), value)

    async def flag(self, name: str, bit: str) -> bool:
        return bool(await self.read(name) & register(name)[bit].mask)

    async def enable(self) -> None:
        await self.write("CONTROL", register("CONTROL")["ENABLE"].mask)

    async def reset(self) -> None:
        """The reset that a driver does; returns when the chip says that it is done. In a whole Zynq an address of either kind may
        still wait in a register in front of the processor."""
        await self.write("CONTROL", register("CONTROL")["RESET"].mask)
        begun = self.bus.begun
        await self.until("STATUS", "RESETTING", False)
        waiting = 2 if self.config.entity == "ps7" else 0
        assert begun <= self.bus.begun <= begun + waiting, "a burst was begun during the reset"

    async def until(self, name: str, bit: str, wanted: bool = True, polls: int = 4000) -> None:
        for _ in range(polls):
            if await self.flag(name, bit) == wanted:
                return
        raise AssertionError(f"{name}.{bit} never became {wanted}")

    async def cycles(self, count: int) -> None:
        for _ in range(count):
            await RisingEdge(self.dut.clk)

    # --- frames -------------------------------------------------------------------------------------------------

    def place(self, size: int) -> int:
        """An address for so many bytes that nobody else has, often across a boundary of 4 KB, amid filler."""
        self.free = (self.free + 0x1FFF) & ~0xFFF
        address = self.free + 0x1000 - 8 * self.rng.randrange(0, 40)
        self.free = address + size
        self.memory.write(address - 64, bytes([FILLER]) * (size + 128))
        return address

    async def push(self, k: int, number: int | None = None) -> list[int]:
        """Queues the k-th frame on all inputs, and room for its scores on all outputs; returns the outputs' addresses."""
        number = k if number is None else number
        places = []
        for j, data in enumerate(self.config.scores[k % len(self.config.scores)]):
            places.append(self.place(len(data)))
            await self._queue(f"OUTPUT{j}", places[-1], number)
        for j, data in enumerate(self.config.frames[k % len(self.config.frames)]):
            address = self.place(len(data))
            self.memory.write(address, data)
            await self._queue(f"INPUT{j}", address, number)
        return places

    async def _queue(self, channel: str, address: int, number: int) -> None:
        await self.write(f"{channel}_ADDRESS", address)
        await self.write(f"{channel}_PUSH", number)

    def check(self, k: int, places: list[int]) -> None:
        """The k-th frame's scores are there, and not a byte beside them was touched."""
        for j, (data, address) in enumerate(zip(self.config.scores[k % len(self.config.scores)], places)):
            around = bytes([FILLER]) * 64
            found = bytes(self.memory.read(address - 64, len(data) + 128))
            assert found == around + data + around, f"frame {k}, output {j} at {address:#x}: {found.hex()}"

    def stall(self, share: float) -> None:
        """Every channel of memory and of the registers pauses in so many cycles, at random."""

        def pauses(rng):
            while True:
                yield rng.random() < share

        for channel in self.memory_channels():
            channel.set_pause_generator(pauses(random.Random(self.rng.random())))

    def far_away(self, cycles: int) -> None:
        """Every word that is read comes so many cycles later, as many of them on their way as the shell asks for."""
        channel, queue = self.memory.read_if.r_channel, Queue()
        send = channel.send

        async def later(answer) -> None:
            queue.put_nowait((get_sim_time("ns") + 10 * cycles, answer))

        async def deliver() -> None:
            while True:
                when, answer = await queue.get()
                while get_sim_time("ns") < when:
                    await RisingEdge(self.dut.clk)
                await send(answer)

        channel.send = later
        cocotb.start_soon(deliver())

    def fail(self, address: int, size: int, response: int) -> None:
        """Memory answers with an error wherever one of these bytes is read or written, and does nothing."""
        for half, name, channel in (
            (self.memory.read_if, "_read", self.memory.read_if.r_channel),
            (self.memory.write_if, "_write", self.memory.write_if.b_channel),
        ):
            setattr(half, name, _failing(getattr(half, name), range(address // 8, -(-(address + size) // 8))))
            channel.send = _answering(channel.send, response)

    def memory_channels(self) -> list:
        write, read = self.memory.write_if, self.memory.read_if
        return [write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel]


def _failing(access, words: range):
    async def failing(address, *rest):
        if address // 8 in words:
            raise IndexError("an error that the bench wants")
        return await access(address, *rest)

    return failing


def _answering(send, response: int):
    """cocotbext-axi says SLVERR where an access fails; here it says what is asked for."""

    async def answering(answer):
        for name in ("rresp", "bresp"):
            if int(getattr(answer, name, 0)) == SLVERR:
                setattr(answer, name, response)
        await send(answer)

    return answering


class BusWatch:
    """What AXI demands of a master, checked in every cycle; counts what is under way.

    Offered addresses and data stand still until they are taken; bursts have at most 16 words and cross no 4 KB; no
    word is written before its burst's address was offered; every write's last word is marked. begun: bursts offered.
    """

    OURS = {"ar": ("araddr", "arlen"), "aw": ("awaddr", "awlen"), "w": ("wdata", "wstrb", "wlast")}
    THEIRS = {"r": ("rlast",), "b": ()}

    def __init__(self, dut):
        self.dut = dut
        self.channels = {
            name: tuple(getattr(dut, f"m_axi_{name}{end}") for end in ("valid", "ready"))
            + ([getattr(dut, f"m_axi_{one}") for one in payload],)
            for name, payload in {**self.OURS, **self.THEIRS}.items()
        }
        self.reads, self.words_due, self.answers, self.begun = 0, [], 0, 0
        self.words_read, self.words_written, self.most_reads = 0, 0, 0

    @property
    def quiet(self) -> bool:
        """Nothing is under way."""
        return not (self.reads or self.words_due or self.answers)

    async def run(self) -> None:
        waiting: dict[str, tuple] = {}
        edge = RisingEdge(self.dut.clk)
        while True:
            await edge
            moved = {}
            for channel, (valid, ready, payload) in self.channels.items():
                if valid.value != 1:
                    assert channel not in waiting, f"{channel} was taken back"
                    continue
                now = tuple(int(one.value) for one in payload)
                if channel in self.OURS:
                    assert channel not in waiting or now == waiting[channel], f"{channel} changed while it waited"
                    if channel == "aw" and channel not in waiting:
                        self.words_due.append(now[1] + 1)
                    self.begun += channel in ("ar", "aw") and channel not in waiting
                    waiting.pop(channel, None)
                if ready.value == 1:
                    moved[channel] = now
                elif channel in self.OURS:
                    waiting[channel] = now
            for channel in ("ar", "aw"):
                if channel in moved:
                    address, length = moved[channel]
                    assert length < 16 and address % 8 == 0
                    assert address // 4096 == (address + 8 * length + 7) // 4096, f"{address:#x} + {length}"
            if "w" in moved:
                assert self.words_due, "a word without an address"
                self.words_due[0] -= 1
                self.words_written += 1
                assert moved["w"][2] == (self.words_due[0] == 0), "WLAST out of place"
                if not self.words_due[0]:
                    self.words_due.pop(0)
                    self.answers += 1
            if "ar" in moved:
                self.reads += 1
                self.most_reads = max(self.most_reads, self.reads)
            if "r" in moved:
                self.words_read += 1
                self.reads -= moved["r"][0]
            if "b" in moved:
                self.answers -= 1
            assert self.reads >= 0 and self.answers >= 0
