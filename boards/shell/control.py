"""What the registers are connected to: counters, errors, interrupts, reset. For every shell, with DMA or without."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell.bursts import HOST, QUEUE_DEPTH
from hwgen.boards.shell.bus import Bus
from hwgen.boards.shell.fills import Fills
from hwgen.boards.shell.identity import Channel, Identity
from hwgen.boards.shell.register_file import RegisterFile
from hwgen.boards.shell.registers import OUTPUT, register, registers
from hwgen.layers.elastic import counter

BUS_ERRORS = ("READ_SLVERR", "READ_DECERR", "WRITE_SLVERR", "WRITE_DECERR")


class Control(wiring.Component):
    """The registers of a shell behind `bus`, and all that they count.

    Of the network's k-th input and output: `input{k}_valid`, `_ready`, and of outputs `_last`, `_top1`; `frame_error` of
    the network; `level{k}` of the FIFOs. `input{k}_host` and `output{k}_host`, with DMA: the descriptor queues.
    bus_errors: pulses, in the order of BUS_ERRORS. idle: no frame is queued, on the bus or in the network.

    enable: frames may begin. halt: no transfer on the bus may begin, until `clear`. quiet: none is under way. clear: for a
    cycle, after `halt` and `quiet`; resets whatever isn't the host's own bus.
    """

    def __init__(self, identity: Identity):
        self.identity = identity
        members = {
            "bus": In(Bus),
            "interrupt": Out(1),
            "enable": Out(1),
            "halt": Out(1),
            "clear": Out(1),
            "quiet": In(1),
            "idle": In(1),
            "bus_errors": In(len(BUS_ERRORS)),
            "frame_error": In(1),
        }
        for channel in identity.channels:
            members |= {f"{channel.name}_valid": In(1), f"{channel.name}_ready": In(1)}
            if channel.kind == "output":
                members[f"{channel.name}_last"] = In(1)
            if channel.port.top1:
                members[f"{channel.name}_top1"] = In(channel.port.top1)
            if identity.dma:
                members[f"{channel.name}_host"] = Out(HOST)
        members |= {f"level{k}": In(range(depth + 1)) for k, depth in enumerate(identity.fifos)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        found = registers(len(self.identity.inputs), len(self.identity.outputs))
        file = RegisterFile(self._present(found), self.identity.constants())
        m.submodules.registers = file
        wiring.connect(m, wiring.flipped(self.bus), file.bus)
        control = register("CONTROL")
        resetting = file.CONTROL[control["RESET"].low]
        m.d.comb += [
            self.enable.eq(file.CONTROL[control["ENABLE"].low]),
            self.halt.eq(resetting),
            file.lock.eq(resetting),
        ]
        m.d.sync += self.clear.eq(resetting & self.quiet & ~self.clear)
        finished, misaligned, overflow, misplaced = [], [], [], []
        for channel in self.identity.channels:
            ended = self._channel(m, file, channel, misplaced)
            if not self.identity.dma:
                finished += [ended] if channel.kind == "output" else []
                continue
            host = getattr(self, f"{channel.name}_host")
            self._queue(m, file, channel.name.upper(), host)
            finished += [host.finished] if channel.kind == "output" else []
            misaligned.append(host.misaligned)
            overflow.append(host.overflow)
        errors = {
            **dict(zip(BUS_ERRORS, self.bus_errors)),
            "MISALIGNED": Cat(misaligned).any(),
            "OVERFLOW": Cat(overflow).any(),
            "INPUT_TLAST": self.frame_error,
            "OUTPUT_TLAST": Cat(misplaced).any(),
        }
        m.d.comb += file.ERRORS_set.eq(Cat(errors[part.name] for part in register("ERRORS").bits))
        self._status(m, file, Cat(finished).any(), resetting)
        self._cycles(m, file)
        if self.identity.fifos:
            m.submodules.fills = fills = Fills(self.identity.fifos)
            m.d.comb += [fills.select.eq(file.FIFO_SELECT), file.FIFO_FILL.eq(fills.fill)]
            m.d.comb += [getattr(fills, f"level{k}").eq(getattr(self, f"level{k}")) for k in range(len(fills.depths))]
        return m

    def _present(self, found: dict) -> dict:
        """The registers that this chip has."""
        absent = {f"{one.name.upper()}_TOP1" for one in self.identity.channels if not one.port.top1}
        return {
            offset: (name, one)
            for offset, (name, one) in found.items()
            if (self.identity.dma or not one.dma) and name not in absent
        }

    def _channel(self, m: Module, file: RegisterFile, channel: Channel, misplaced: list):
        """Counts an input's or output's frames and stalls; returns whether a frame ends in this cycle."""
        name, port = channel.name, channel.port
        valid, ready = getattr(self, f"{name}_valid"), getattr(self, f"{name}_ready")
        moved, ended, stalled = Signal(), Signal(), Signal()
        _, last = counter(m, port.beats, moved, f"{name}_beat")
        m.d.comb += [moved.eq(valid & ready), ended.eq(moved & last)]
        if channel.kind == "input":
            m.d.comb += stalled.eq(~self.idle & ready & ~valid)
            count = "STARVED"
        else:
            m.d.comb += stalled.eq(valid & ~ready)
            count = "BLOCKED"
            misplaced.append(moved & (getattr(self, f"{name}_last") != last))
        tally(m, getattr(file, f"{name.upper()}_FRAMES"), ended)
        tally(m, getattr(file, f"{name.upper()}_{count}"), stalled)
        if port.top1:
            index = Signal(port.top1)
            with m.If(ended):
                m.d.sync += index.eq(getattr(self, f"{name}_top1"))
            m.d.comb += getattr(file, f"{name.upper()}_TOP1").eq(index)
        return ended

    def _queue(self, m: Module, file: RegisterFile, name: str, host) -> None:
        m.d.comb += [
            host.push.eq(getattr(file, f"{name}_PUSH_written")),
            host.number.eq(getattr(file, f"{name}_PUSH")),
            host.address.eq(getattr(file, f"{name}_ADDRESS")),
            getattr(file, f"{name}_DONE").eq(host.done),
            getattr(file, f"{name}_DONE_NUMBER").eq(host.done_number),
            getattr(file, f"{name}_FAILED").eq(host.failed),
            getattr(file, f"{name}_FAILED_NUMBER").eq(host.failed_number),
        ]
        word = getattr(file, f"{name}_QUEUE")
        values = {"WAITING": host.waiting, "ROOM": host.room, "DEPTH": QUEUE_DEPTH}
        m.d.comb += [
            word[part.low : part.low + part.width].eq(values[part.name]) for part in register("QUEUE", OUTPUT).bits
        ]

    def _status(self, m: Module, file: RegisterFile, finished, resetting) -> None:
        """STATUS, and what raises interrupts."""
        idle, failing, ever = Signal(init=1), Signal(), Signal()
        m.d.sync += [idle.eq(self.idle), failing.eq(file.ERRORS.any()), ever.eq(ever | finished)]
        status = {
            "IDLE": idle,
            "BUSY": ~idle,
            "DONE": idle & ever,
            "ERROR": failing,
            "RESETTING": resetting,
        }
        events = {
            "DONE": finished,
            "ERROR": (file.ERRORS_set & ~file.ERRORS).any(),
            "IDLE": self.idle & ~idle,
        }
        m.d.comb += [
            file.STATUS.eq(Cat(status[part.name] for part in register("STATUS").bits)),
            file.INTERRUPT_STATUS_set.eq(Cat(events[part.name] for part in register("INTERRUPT_STATUS").bits)),
        ]
        m.d.sync += self.interrupt.eq((file.INTERRUPT_STATUS & file.INTERRUPT_ENABLE).any())

    def _cycles(self, m: Module, file: RegisterFile) -> None:
        cycles = Signal(64)
        held = Signal(32)
        m.d.sync += cycles.eq(cycles + 1)
        with m.If(file.CYCLES_LOW_read):
            m.d.sync += held.eq(cycles[32:])
        m.d.comb += [file.CYCLES_LOW.eq(cycles[:32]), file.CYCLES_HIGH.eq(held)]
        tally(m, file.BUSY_CYCLES, ~self.idle)


def tally(m: Module, count: Signal, event: Value) -> None:
    """Counts the cycles in which `event` is high; a cycle later, so that the event's logic ends before the adder."""
    total, late = Signal(len(count)), Signal()
    m.d.sync += [late.eq(event), total.eq(total + late)]
    m.d.comb += count.eq(total)
