"""Registers between two streams, for blocks of one stage, and numbers that count without a carry chain."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from hwgen.layers.block import Resources

# Up to so many bits a counter (that goes both ways) is plain LUT logic: CARRY4 is the scarcest thing on a small chip.
SHORT, SHORT_UP_DOWN = 8, 5


def register(m: Module, valid, payload, o) -> Value:
    """One register before the stream `o`; returns the `ready` for its input. Latency 1, a beat a cycle.

    That `ready` depends on o.ready in the same cycle (one LUT).
    """
    held = Signal(len(Value.cast(payload)), reset_less=True)
    full = Signal()
    ready = ~full | o.ready
    with m.If(ready):
        m.d.sync += [held.eq(payload), full.eq(valid)]
    m.d.comb += [Value.cast(o.payload).eq(held), o.valid.eq(full)]
    return ready


def buffer(m: Module, valid, payload, o) -> tuple[Value, Value]:
    """Two registers before the stream `o`; returns the `ready` for its input, itself a register, and the beats held (0
    to 2).

    Latency 1, a beat a cycle. Ends a chain of `ready`s, at the price of a second register.
    """
    bits = len(Value.cast(payload))
    held, spare = Signal(bits, reset_less=True), Signal(bits, reset_less=True)
    full, spilled = Signal(), Signal()
    with m.If(~full | o.ready):
        m.d.sync += [held.eq(Mux(spilled, spare, payload)), full.eq(spilled | valid), spilled.eq(0)]
    with m.Elif(~spilled):
        m.d.sync += spilled.eq(valid)
    with m.If(~spilled):
        m.d.sync += spare.eq(payload)
    m.d.comb += [Value.cast(o.payload).eq(held), o.valid.eq(full)]
    return ~spilled, full + spilled


def register_cost(bits: int) -> Resources:
    return Resources(lut=2, ff=bits + 1)


def buffer_cost(bits: int) -> Resources:
    return Resources(lut=bits + 4, ff=2 * bits + 2)


def plus_one(value: Value) -> Value:
    """value + 1, wrapping round."""
    if len(value) > SHORT:
        return (value + 1)[: len(value)]
    return Cat(value[k] ^ value[:k].all() if k else ~value[0] for k in range(len(value)))


def up_down(value: Value, up, down) -> Value:
    """value + 1, value - 1 or (both or neither) value. `up` and `down` are bits."""
    rise, fall = up & ~down, down & ~up
    if len(value) > SHORT_UP_DOWN:
        return (value + Cat(rise | fall, fall.replicate(len(value) - 1)))[: len(value)]
    return Cat(
        value[k] ^ ((rise & value[:k].all()) | (fall & ~value[:k].any()) if k else rise | fall)
        for k in range(len(value))
    )


def counter(m: Module, modulo: int, enable, name: str) -> tuple[Value, Value]:
    """Counts 0 to modulo - 1 where `enable`; returns the count and whether it is the last."""
    if modulo == 1:
        return Signal(0, name=name), Value.cast(1)
    count = Signal(range(modulo), name=name)
    last = count == modulo - 1
    with m.If(enable):
        m.d.sync += count.eq(plus_one(count) if modulo == 1 << len(count) else Mux(last, 0, plus_one(count)))
    return count, last


def up_down_cost(bits: int) -> Resources:
    if bits > SHORT_UP_DOWN:
        return Resources(lut=bits + 1, ff=bits, carry4=-(-bits // 4))
    return Resources(lut=1.2 * bits, ff=bits)


def counter_cost(modulo: int) -> Resources:
    bits = (modulo - 1).bit_length()
    wraps = 0 if modulo == 1 << bits else 1
    if bits > SHORT:
        return Resources(lut=(0.3 + 0.35 * wraps) * bits, ff=bits, carry4=-(-bits // 4))
    return Resources(lut=1.3 * bits + wraps, ff=bits)
