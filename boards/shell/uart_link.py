"""The chip's side of `uart_packet`: takes requests, does them, sends replies."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell import uart_packet as packet
from hwgen.boards.shell.bus import Bus
from hwgen.boards.shell.registers import WINDOW
from hwgen.boards.shell.uart_buffers import LENGTH


class Link(wiring.Component):
    """Between the bytes of the line, the registers (`bus`), and the buffers of inputs and outputs.

    received, strobe: bytes from the line; those that come while a reply is sent are dropped. sent: bytes for the line.
    timeout: cycles after which a packet without its next byte is forgotten.
    address, data, length: for all inputs' buffers; address, wanted: for all outputs'. in{k}_, out{k}_: those of one.
    forget: the numbers of the latest requests.
    """

    def __init__(self, inputs: int, outputs: int, timeout: int):
        self.inputs, self.outputs, self.timeout = inputs, outputs, timeout
        members = {"received": In(8), "strobe": In(1), "sent": Out(stream.Signature(8)), "bus": Out(Bus)}
        members |= {"address": Out(range(packet.MOST)), "data": Out(8), "length": Out(LENGTH), "wanted": Out(LENGTH)}
        members["forget"] = In(1)
        for k in range(inputs):
            members |= {f"in{k}_write": Out(1), f"in{k}_commit": Out(1), f"in{k}_free": In(1)}
        for k in range(outputs):
            members |= {f"out{k}_ask": Out(1), f"out{k}_length": In(LENGTH), f"out{k}_data": In(8)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        code, channel, sequence, size = Signal(4), Signal(4), Signal(8), Signal(16)
        head = Cat(code, channel, sequence, size)
        status, reply, reply_size = Signal(4), Signal(40), Signal(LENGTH)
        words = Signal(48)  # the last six bytes of the payload, the latest on top; for a reply the value of a register
        at, crc, wait = Signal(LENGTH), Signal(16), Signal(range(self.timeout + 1))
        offset = Signal(16)
        reachable = (offset < WINDOW) & (offset[:2] == 0)
        inputs = _Numbers(m, self.inputs, channel, sequence, self.forget)
        outputs = _Numbers(m, self.outputs, channel, sequence, self.forget)
        store = Signal()  # the payload goes to an input's buffer
        m.d.comb += [
            self.data.eq(self.received),
            self.address.eq(at),
            self.length.eq(size),
            self.wanted.eq(Mux(words[32:] > packet.MOST, packet.MOST, words[32:])),
            offset.eq(Mux(code == packet.WRITE, words[:16], words[32:])),
            self.bus.address.eq(offset[2:]),
            self.bus.write_data.eq(words[16:]),
        ]

        def receive(state: str, until: Value, then: str) -> None:
            """A state that takes bytes until the condition holds for the last one."""
            with m.State(state):
                m.d.sync += wait.eq(wait + 1)
                with m.If(self.strobe):
                    m.d.sync += [crc.eq(crc_step(crc, self.received)), at.eq(at + 1), wait.eq(0)]
                    if state == "head":
                        m.d.sync += head.eq(Cat(head, self.received)[8:])
                    elif state == "payload":
                        m.d.sync += words.eq(Cat(words, self.received)[8:])
                        m.d.comb += [
                            getattr(self, f"in{k}_write").eq(store & (channel == k)) for k in range(self.inputs)
                        ]
                    with m.If(until):
                        m.d.sync += at.eq(0)
                        m.next = then
                with m.Elif(wait == self.timeout):
                    m.next = "hunt"

        def send(state: str, byte: Value, until: Value, then: str) -> None:
            """A state that sends bytes until the condition holds for the last one."""
            with m.State(state):
                m.d.comb += [self.sent.valid.eq(1), self.sent.payload.eq(byte)]
                with m.If(self.sent.ready):
                    m.d.sync += at.eq(at + 1)
                    if state == "reply head":
                        m.d.sync += reply.eq(reply >> 8)
                        m.d.sync += crc.eq(Mux(at == 0, packet.START, crc_step(crc, byte)))
                    elif state == "reply payload":
                        m.d.sync += [words.eq(words >> 8), crc.eq(crc_step(crc, byte))]
                    else:
                        m.d.sync += crc.eq(crc << 8)
                    with m.If(until):
                        m.d.sync += [] if state == "reply payload" else at.eq(0)
                        m.next = then

        with m.FSM():
            with m.State("hunt"):
                m.d.sync += [at.eq(0), crc.eq(packet.START), wait.eq(0)]
                with m.If(self.strobe & (self.received == packet.REQUEST)):
                    m.next = "head"
            receive("head", at == 3, "size")
            with m.State("size"):
                free = Array(getattr(self, f"in{k}_free") for k in range(self.inputs))[channel]
                m.d.sync += store.eq((code == packet.FRAMES) & inputs.there & free & ~inputs.again)
                m.next = "payload"
                with m.If(size > packet.MOST):  # no packet, and where one begins isn't known
                    m.next = "hunt"
                with m.Elif(size == 0):
                    m.next = "tail"
            receive("payload", at == size - 1, "tail")
            receive("tail", at == 1, "do")
            with m.State("do"):
                m.d.sync += [status.eq(packet.OK), reply_size.eq(0)]
                m.next = "begin"
                with m.If(crc != 0):
                    m.d.sync += status.eq(packet.BAD)
                with m.Elif((code == packet.READ) & (size == 2) & reachable):
                    m.d.comb += self.bus.read.eq(1)
                    m.d.sync += reply_size.eq(4)
                    m.next = "value"
                with m.Elif((code == packet.WRITE) & (size == 6) & reachable):
                    m.d.comb += self.bus.write.eq(1)
                with m.Elif((code == packet.FRAMES) & (size != 0) & inputs.there):
                    with m.If(store):
                        m.d.comb += [getattr(self, f"in{k}_commit").eq(channel == k) for k in range(self.inputs)]
                        m.d.sync += inputs.remember
                    with m.Elif(~inputs.again):
                        m.d.sync += status.eq(packet.BUSY)
                with m.Elif((code == packet.SCORES) & (size == 2) & outputs.there):
                    with m.If(~outputs.again):
                        m.d.comb += [getattr(self, f"out{k}_ask").eq(channel == k) for k in range(self.outputs)]
                        m.d.sync += outputs.remember
                    m.next = "asked"
                with m.Else():
                    m.d.sync += status.eq(packet.BAD)
            with m.State("value"):
                m.d.sync += words.eq(self.bus.read_data)
                m.next = "begin"
            with m.State("asked"):
                m.next = "counted"
            with m.State("counted"):
                m.d.sync += reply_size.eq(Array(getattr(self, f"out{k}_length") for k in range(self.outputs))[channel])
                m.next = "begin"
            with m.State("begin"):
                m.d.sync += reply.eq(Cat(Const(packet.REPLY, 8), status, channel, sequence, reply_size))
                m.next = "reply head"
            send("reply head", reply[:8], at == 4, "fetch")
            with m.State("fetch"):  # the byte at `at` of the output's buffer
                m.next = "reply payload"
                with m.If(at == reply_size):
                    m.d.sync += at.eq(0)
                    m.next = "reply tail"
            scores = Array(getattr(self, f"out{k}_data") for k in range(self.outputs))[channel]
            send("reply payload", Mux(code == packet.SCORES, scores, words[:8]), Const(1), "fetch")
            send("reply tail", crc[8:], at == 1, "hunt")
        return m


class _Numbers:
    """The sequence numbers of the requests last done, one for each input, or output. there: there is such a channel.
    again: the request was done before. remember: notes that it is done now."""

    def __init__(self, m: Module, count: int, channel: Value, sequence: Value, forget: Value):
        last, known = Array(Signal(8) for _ in range(count)), Array(Signal() for _ in range(count))
        with m.If(forget):
            m.d.sync += [one.eq(0) for one in known]
        self.there = channel < count
        self.again = known[channel] & (last[channel] == sequence)
        self.remember = [last[channel].eq(sequence), known[channel].eq(1)]


def crc_step(crc: Value, byte: Value) -> Value:
    """`uart_packet.crc` of one more byte."""
    bits = list(crc)
    for k in reversed(range(8)):
        feedback = bits[15] ^ byte[k]
        shifted = [Const(0, 1), *bits[:15]]
        bits = [bit ^ feedback if packet.POLYNOMIAL >> n & 1 else bit for n, bit in enumerate(shifted)]
    return Cat(bits)
