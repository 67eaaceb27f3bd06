"""The row ring in hardware: one side writes the stream into banks, the other reads boxes out of them, at its own pace.

Three small machines share the counts: the writer fills rows while there is room; the scanner walks over the positions
as their last pixel comes in and leaves a token for each; the reader spends a token a position and sends reads down a
free-running pipeline.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.layers.beatwise import delayed
from hwgen.layers.compare import at_least
from hwgen.layers.credit import CreditedOutput
from hwgen.layers.elastic import counter, up_down
from hwgen.layers.window_memory import lookup, ram, ram_latency, restarting, select
from hwgen.layers.window_plan import RingPlan

TOKENS = 3  # positions that the scanner may be ahead; two would do for one position a cycle


class Ring(wiring.Component):
    """i: beats of `lanes` values of shape `element`. o: boxes of rows × columns × lanes values of shape `padded`.

    plan: what is read when. pad_value: stands for every pixel outside the frame.
    """

    def __init__(self, plan: RingPlan, lanes: int, element, padded, pad_value: int):
        self.plan, self.lanes, self.element, self.padded, self.pad_value = plan, lanes, element, padded, pad_value
        super().__init__(
            {
                "i": In(stream.Signature(data.ArrayLayout(element, lanes))),
                "o": Out(stream.Signature(data.ArrayLayout(padded, plan.rows * plan.columns * lanes))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        self.ports = [
            [ram(m, self.plan.kind, self.plan.depth, self.plan.word) for _ in range(self.plan.columns)]
            for _ in range(self.plan.bank_rows)
        ]
        released = Signal(range(max(self.plan.released) + 1))
        written, row = self._write(m, released)
        token, take = Signal(), Signal()
        # A register apart: from the input's valid through these counts to the scanner's would be a long path.
        written, row = (delayed(m, value, 1, reset_less=False) for value in (written, row))
        self._scan(m, written, row, token, take)
        self._read(m, token, take, released)
        return m

    def _write(self, m: Module, released: Signal) -> tuple[Value, Value]:
        """Stores the stream; returns the pixels written of a row, and a pulse as it is complete."""
        plan = self.plan
        beat = Signal()
        _, last_group = counter(m, plan.groups, beat, "group")
        pixel = beat & last_group
        written, last_column = counter(m, plan.width, pixel, "written")
        row = pixel & last_column
        slot, _ = counter(m, plan.slots, row, "write_slot")
        bank, last_bank = restarting(m, plan.columns, pixel, row, "write_bank")

        # Rows are released before they are written where a stride skips them.
        room = Signal(range(plan.slots + max(plan.released) + 1), init=plan.slots)
        m.d.sync += room.eq(room + released - row)
        m.d.comb += [self.i.ready.eq(room != 0), beat.eq(self.i.valid & self.i.ready)]

        word = Signal(range(max(plan.row_words, 2)))
        to_next = Mux(last_group & ~last_bank, 2 ** len(word) - (plan.groups - 1), 1)
        with m.If(beat):
            m.d.sync += word.eq(Mux(row, 0, word + to_next))

        bases = [plan.place(s)[1] * plan.row_pitch for s in range(plan.slots)]
        address = Signal(range(max(plan.depth, 2)), reset_less=True)
        payload = Signal(plan.word, reset_less=True)
        base = lookup(m, slot, bases, range(max(plan.depth, 2)))
        m.d.sync += [
            address.eq(base | word if plan.aligned else base + word),
            payload.eq(self.i.p.as_value()),
        ]
        for r, banks in enumerate(self.ports):
            mine = lookup(m, slot, [int(plan.place(s)[0] == r) for s in range(plan.slots)], 1)
            for c, (port, _, _) in enumerate(banks):
                m.d.sync += port.en.eq(beat & mine & (bank == c))
                m.d.comb += [port.addr.eq(address), port.data.eq(payload)]
        return written, row

    def _scan(self, m: Module, written: Value, row: Value, token: Signal, take: Signal) -> None:
        """Counts the positions that may be read: all they need has been written."""
        plan = self.plan
        first = plan.first + plan.spans[1] - 1
        last = first + (plan.count - 1) * plan.step
        column = Signal(signed(max(last, -first, 1).bit_length() + 1), init=first)
        tokens = Signal(range(TOKENS + 1))
        advance = Signal()
        at_end = column == last
        out_row, _ = counter(m, plan.out_rows, advance & at_end, "scan_row")
        # How many rows the writer is past the row that this position needs.
        most = plan.slots + max(plan.needed_steps) + int(plan.needed_rows[0])
        lead = Signal(signed(most.bit_length() + 1), init=-int(plan.needed_rows[0]))
        step = lookup(m, out_row, plan.needed_steps, range(max(plan.needed_steps) + 1))
        # `advance` comes last: it only chooses between two sums.
        m.d.sync += lead.eq(Mux(advance & at_end, lead + row - step, lead + row))
        here = (lead == 0) & (written > column) & ((written != 0) if first < 0 else 1)
        m.d.comb += [advance.eq((here | (lead > 0)) & (tokens != TOKENS)), token.eq(tokens != 0)]
        m.d.sync += tokens.eq(up_down(tokens, advance, take))
        with m.If(advance):
            m.d.sync += column.eq(Mux(at_end, first, column + plan.step))

    def _read(self, m: Module, token: Signal, take: Signal, released: Signal) -> None:
        """Issues the reads, and takes them through the pipeline into the output FIFO."""
        plan = self.plan
        m.submodules.out = out = CreditedOutput(self.o.p.shape(), plan.fifo_depth)
        wiring.connect(m, out.o, wiring.flipped(self.o))

        fire = Signal()
        m.d.comb += [fire.eq(token & out.ready), out.start.eq(fire)]
        _, last_cg = counter(m, plan.column_groups, fire, "column_group")
        _, last_rg = counter(m, plan.row_groups, fire & last_cg, "row_group")
        box_row = fire & last_cg & last_rg
        _, last_g = counter(m, plan.groups, box_row, "channel_group")
        position = box_row & last_g
        _, last_position = counter(m, plan.count, position, "position")
        done = position & last_position
        out_row, last_row = counter(m, plan.out_rows, done, "out_row")
        m.d.comb += take.eq(position)
        m.d.sync += released.eq(Mux(done, lookup(m, out_row, plan.released, range(max(plan.released) + 1)), 0))

        slot = self._slot(m, fire & last_cg, last_rg, done, last_row)
        word, phase = self._word(m, fire, last_cg, last_rg, last_g, last_position)
        rows_ok = self._rows_ok(m, fire & last_cg, last_rg, done, last_row)
        columns_ok = self._columns_ok(m, fire, last_cg, position, last_position)

        # First stage: for each bank row the offset of its part of the ring, for each bank column that of its pixel.
        bits = range(max(plan.depth, 2))
        row_base = [Signal(bits, name=f"row_base{r}", reset_less=True) for r in range(plan.bank_rows)]
        for r, base in enumerate(row_base):
            m.d.sync += base.eq(lookup(m, slot, [self._base(s, r) for s in range(plan.slots)], bits))
        column_base = [Signal(len(word), name=f"column_base{c}", reset_less=True) for c in range(plan.columns)]
        for c, base in enumerate(column_base):
            m.d.sync += base.eq(word + Mux(phase > c, plan.groups, 0))
        # Second stage: the address of each bank. Then the memory.
        words = []
        for r, banks in enumerate(self.ports):
            for c, (_, address, _) in enumerate(banks):
                register = Signal(bits, name=f"address{r}_{c}", reset_less=True)
                # Aligned rows are bit fields of the address, and need no adder.
                address_of = row_base[r] | column_base[c] if plan.aligned else row_base[r] + column_base[c]
                m.d.sync += register.eq(address_of)
                m.d.comb += address.eq(register)
            words.append([value for _, _, value in banks])
        at = 2 + ram_latency(plan.kind)
        if plan.bank_rows > 1:
            turn = delayed(m, lookup(m, slot, [plan.place(s)[0] for s in range(plan.slots)], range(plan.bank_rows)), at)
            words = [
                [delayed(m, select(turn, [words[(k + i) % plan.bank_rows][c] for k in range(plan.bank_rows)]), 1)
                 for c in range(plan.columns)]
                for i in range(plan.rows)
            ]  # fmt: skip
            at += 1
        turn = delayed(m, phase, at)
        if plan.rows_padded:
            rows_ok = [delayed(m, ok, at) for ok in rows_ok]
        if plan.columns_padded:
            columns_ok = [delayed(m, ok, at) for ok in columns_ok]
        box = []
        for i, banks in enumerate(words):
            for j in range(plan.columns):
                value = select(turn, [banks[(k + j) % plan.columns] for k in range(plan.columns)])
                box.append(self._padded(m, value, rows_ok[i] & columns_ok[j]))
        m.d.comb += [out.payload.as_value().eq(Cat(box)), out.push.eq(delayed(m, fire, plan.latency, reset_less=False))]

    def _base(self, slot: int, bank: int) -> int:
        """Where the bank row holds its row of a box that begins in the slot."""
        plan = self.plan
        further = (bank - plan.place(slot)[0]) % plan.bank_rows
        return plan.place((slot + further * plan.row_dilation) % plan.slots)[1] * plan.row_pitch

    def _slot(self, m: Module, row_group: Value, last_rg: Value, done: Value, last_row: Value) -> Signal:
        """The slot of the box's first row."""
        plan = self.plan
        slots = range(plan.slots)
        start = -plan.top % plan.slots
        top, slot = Signal(slots, init=start), Signal(slots, init=start)

        def moved(value, by):
            return lookup(m, value, [(s + by) % plan.slots for s in slots], slots)

        to_next_frame = plan.height - int(plan.first_rows[-1]) - plan.top
        next_top = Mux(last_row, moved(top, to_next_frame), moved(top, plan.stride))
        with m.If(done):
            m.d.sync += [top.eq(next_top), slot.eq(next_top)]
        with m.Elif(row_group):
            m.d.sync += slot.eq(Mux(last_rg, top, moved(slot, plan.rows * plan.row_dilation)))
        return slot

    def _word(self, m, fire, last_cg, last_rg, last_g, last_position) -> tuple[Signal, Signal]:
        """(word of the box's first column, were it in bank column 0; its bank column)."""
        plan = self.plan
        box = plan.column_dilation * plan.groups  # from one box to the next
        over = (plan.column_groups - 1) * box  # from the first to the last box of a row of boxes
        phase = Signal(range(plan.columns), init=plan.first % plan.columns)
        start = plan.first // plan.columns * plan.groups
        size = max(plan.row_pitch - 1 if plan.aligned else plan.depth - 1, 1).bit_length()
        word = Signal(size, init=start % 2**size)
        quotient, rest = divmod(plan.step, plan.columns)
        carry = phase + rest >= plan.columns
        # One adder, and a choice of what to add: to the next box, row of boxes, channel group, position, row.
        back = quotient * plan.groups - over - (plan.groups - 1)
        end = (plan.first + (plan.count - 1) * plan.step) // plan.columns * plan.groups + over + plan.groups - 1
        to_position = Mux(last_position, (start - end) % 2**size, Mux(carry, back + plan.groups, back) & (2**size - 1))
        to_group = Mux(last_g, to_position, (1 - over) % 2**size)
        step = Mux(last_cg, Mux(last_rg, to_group, -over % 2**size), box)
        with m.If(fire):
            m.d.sync += word.eq(word + step)
            with m.If(last_cg & last_rg & last_g):
                next_phase = phase + rest - Mux(carry, plan.columns, 0)
                m.d.sync += phase.eq(Mux(last_position, plan.first % plan.columns, next_phase))
        return word, phase

    def _rows_ok(self, m: Module, row_group: Value, last_rg: Value, done: Value, last_row: Value) -> list[Value]:
        """For each row of the box whether it lies in the frame."""
        plan = self.plan
        if not plan.rows_padded:
            return [Const(1)] * plan.rows
        size = max(plan.height + plan.spans[0], abs(int(plan.first_rows[-1])), plan.top).bit_length() + 1
        top = Signal(signed(size), init=-plan.top)
        next_top = Mux(last_row, -plan.top, top + plan.stride)
        with m.If(done):
            m.d.sync += top.eq(next_top)
        row = top
        if plan.row_groups > 1:
            row = Signal(signed(size), init=-plan.top)
            with m.If(done):
                m.d.sync += row.eq(next_top)
            with m.Elif(row_group):
                m.d.sync += row.eq(Mux(last_rg, top, row + plan.rows * plan.row_dilation))
        return [_inside(row, i * plan.row_dilation, plan.height, *plan.row_ok(i)) for i in range(plan.rows)]

    def _columns_ok(self, m: Module, fire: Value, last_cg: Value, position: Value, last_position: Value) -> list[Value]:
        """For each column of the box whether it lies in the frame."""
        plan = self.plan
        if not plan.columns_padded:
            return [Const(1)] * plan.columns
        box = plan.columns * plan.column_dilation
        over = (plan.column_groups - 1) * box
        last = plan.first + (plan.count - 1) * plan.step + plan.spans[1]
        column = Signal(signed(max(last, -plan.first).bit_length() + 1), init=plan.first)
        to_next_row = plan.first - (plan.first + (plan.count - 1) * plan.step + over)
        to_position = Mux(last_position, to_next_row, plan.step - over)
        step = Mux(position, to_position, Mux(last_cg, -over, box))
        with m.If(fire):
            m.d.sync += column.eq(column + step)
        return [_inside(column, j, plan.width, *plan.column_ok(j)) for j in range(plan.columns)]

    def _padded(self, m: Module, value: Value, ok: Value) -> Value:
        """The lanes of a pixel in the output's shape, in a register if the plan has one, the pad value where not ok."""
        lanes = data.View(data.ArrayLayout(self.element, self.lanes), value)
        result = []
        for k in range(self.lanes):
            lane = Signal(self.padded, reset_less=True)
            if not self.plan.finishes:
                m.d.comb += lane.eq(lanes[k])
            else:
                with m.If(ok):
                    m.d.sync += lane.eq(lanes[k])
                with m.Else():
                    m.d.sync += lane.eq(self.pad_value)
            result.append(lane)
        return Cat(result)


def _inside(at: Value, offset: int, size: int, before: bool, behind: bool) -> Value:
    """0 <= at + offset < size, of which only the sides that can fail are looked at."""
    inside = at_least(at, -offset) if before else Const(1)
    return inside & ~at_least(at, size - offset) if behind else inside
