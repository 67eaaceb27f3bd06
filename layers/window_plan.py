"""The geometry of a window's row ring: which rows it holds, how they lie in banks, and when each beat is read.

The ring holds the newest rows of the stream and runs on over the frame boundary. A reader walks over output rows; in
each it makes `count` positions, `step` columns apart, and at each position it reads boxes of `rows` × `columns` pixels,
one a cycle. Row Y of the stream (counted over all frames) is in slot Y mod `slots`, slot s in bank row s mod
`bank_rows`; column x is in bank column x mod `columns`. So any box lies in different banks, and every bank finds its
part by itself. Where the kernel's rows are d apart, slot s is in bank row s // d mod `bank_rows`, with the same effect;
where its columns are, a box has one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwgen.layers import queue
from hwgen.layers.block import Resources
from hwgen.layers.credit import credits_needed
from hwgen.layers.elastic import counter_cost, up_down_cost
from hwgen.layers.window_memory import LUTS_PER_RAMB18, mux_luts, ram_cost, ram_kind, ram_latency
from hwgen.numeric import span

# Cycles from the transfer of the last pixel that a position needs to its first read: pixel count, its copy, token.
TO_ISSUE = 3
# Cycles from the issue of a row's last read to the first write that may fall on a row which this releases.
TO_RELEASE = 2
# Cycles through the output FIFO, from push to valid.
THROUGH_FIFO = 2
# Cycles from a result's transfer to the issue that its credit allows.
CREDIT_BACK = 1


@dataclass(frozen=True)
class RingPlan:
    """What is kept and read, in numbers.

    height, width: of a frame. groups: beats a pixel, G. kernel: rows and columns of a position. rows, columns: those of
    a box.

    stride, top: output row o begins at row o·stride - top; there are out_rows. first, step, count: the left columns of
    the positions of a row. masked: whether pixels left and right of the frame are replaced by the pad value here (rows
    above and below always are). word: bits of a beat. spare: rows of the ring beyond kernel + stride. row_dilation,
    column_dilation: from one row or column of the kernel to the next.
    """

    height: int
    width: int
    groups: int
    kernel: tuple[int, int]
    rows: int
    columns: int
    stride: int
    top: int
    out_rows: int
    first: int
    step: int
    count: int
    masked: bool
    word: int
    memory: str
    spare: int = 0
    row_dilation: int = 1
    column_dilation: int = 1

    @property
    def spans(self) -> tuple[int, int]:
        """Rows and columns from the kernel's first to its last."""
        return span(self.kernel[0], self.row_dilation), span(self.kernel[1], self.column_dilation)

    # --- rows ---------------------------------------------------------------------------------------------------

    @cached_property
    def first_rows(self) -> np.ndarray:
        """(out_rows,): the first row of each output row's windows; negative in the padding."""
        return np.arange(self.out_rows) * self.stride - self.top

    @cached_property
    def needed_rows(self) -> np.ndarray:
        """(out_rows,): the last row of the frame that must have come; at least row 0."""
        return np.clip(self.first_rows + self.spans[0] - 1, 0, self.height - 1)

    @cached_property
    def needed_steps(self) -> list[int]:
        """How far the needed row moves after each output row, the last into the next frame."""
        return np.diff(self.needed_rows, append=self.height + self.needed_rows[0]).tolist()

    @cached_property
    def released(self) -> list[int]:
        """Rows of the ring that are free after each output row."""
        return np.diff(np.clip(self.first_rows, 0, self.height), append=self.height).tolist()

    @property
    def needed_columns(self) -> np.ndarray:
        """(count,): the last column of the frame that each position of a row needs."""
        last = self.first + np.arange(self.count) * self.step + self.spans[1] - 1
        return np.clip(last, 0, self.width - 1)

    def row_ok(self, i: int) -> tuple[bool, bool]:
        """Whether row i of a box can lie (above, below) the frame."""
        tops = self.first_rows[:, None] + (np.arange(0, self.kernel[0], self.rows) + i) * self.row_dilation
        return bool((tops < 0).any()), bool((tops >= self.height).any())

    def column_ok(self, j: int) -> tuple[bool, bool]:
        """Whether column j of a box can lie (left, right) of the frame and must be masked."""
        taps = (np.arange(0, self.kernel[1], self.columns) + j) * self.column_dilation
        lefts = self.first + np.arange(self.count)[:, None] * self.step + taps
        return self.masked and bool((lefts < 0).any()), self.masked and bool((lefts >= self.width).any())

    @cached_property
    def rows_padded(self) -> bool:
        return any(any(self.row_ok(i)) for i in range(self.rows))

    @cached_property
    def columns_padded(self) -> bool:
        return any(any(self.column_ok(j)) for j in range(self.columns))

    # --- beats --------------------------------------------------------------------------------------------------

    @property
    def row_groups(self) -> int:
        return self.kernel[0] // self.rows

    @property
    def column_groups(self) -> int:
        return self.kernel[1] // self.columns

    @property
    def beats(self) -> int:
        """Reads a position."""
        return self.row_groups * self.column_groups * self.groups

    @property
    def reads(self) -> int:
        """Reads a frame."""
        return self.out_rows * self.count * self.beats

    @property
    def writes(self) -> int:
        """Writes a frame."""
        return self.height * self.width * self.groups

    # --- memory -------------------------------------------------------------------------------------------------

    @property
    def row_words(self) -> int:
        """Words of a row in one bank."""
        return math.ceil(self.width / self.columns) * self.groups

    @property
    def least_slots(self) -> int:
        """kernel + stride rows: one output row can be read while the rows for the next come in."""
        return self.spans[0] + min(self.stride, self.spans[0]) + self.spare

    @cached_property
    def bank_rows(self) -> int:
        """Bank rows: those of a box, or more of them, and shallower ones, where that wastes fewer slots."""
        most = self.rows if self.row_groups > 1 else max(self.rows, self.least_slots // self.row_dilation)
        return min(range(self.rows, most + 1), key=lambda banks: self._worth(banks, self._rows_in(banks)))

    def _rows_in(self, banks: int) -> int:
        """Rows in each of so many bank rows."""
        return math.ceil(self.least_slots / (banks * self.row_dilation)) * self.row_dilation

    def _worth(self, bank_rows: int, ring_groups: int) -> float:
        ram = self._ram_worth(ring_groups * self.row_words)
        return self.columns * (bank_rows * ram + self.rows * self.word * mux_luts(bank_rows))

    def _ram_worth(self, depth: int) -> float:
        """A bank in LUTs."""
        cost = ram_cost(ram_kind(self.memory, depth, self.word), depth, self.word)
        return cost.lut + 2 * LUTS_PER_RAMB18 * cost.bram36

    @cached_property
    def ring_groups(self) -> int:
        """Rows in each bank."""
        return self._rows_in(self.bank_rows)

    def place(self, slot: int) -> tuple[int, int]:
        """(bank row, row in it) of a slot."""
        turn, phase = divmod(slot, self.row_dilation)
        return turn % self.bank_rows, turn // self.bank_rows * self.row_dilation + phase

    @property
    def slots(self) -> int:
        """Rows in the ring."""
        return self.bank_rows * self.ring_groups

    @cached_property
    def aligned(self) -> bool:
        """Whether a bank's rows begin at powers of two, which saves adders, at the cost of unused words."""
        pitch = 1 << (self.row_words - 1).bit_length()
        exact, padded = (self._ram_worth((self.ring_groups - 1) * n + self.row_words) for n in (self.row_words, pitch))
        return padded <= exact + (self.ring_groups * pitch).bit_length()

    @property
    def row_pitch(self) -> int:
        """Words from one row of a bank to the next."""
        return 1 << (self.row_words - 1).bit_length() if self.aligned else self.row_words

    @property
    def depth(self) -> int:
        return (self.ring_groups - 1) * self.row_pitch + self.row_words

    @property
    def banks(self) -> int:
        return self.bank_rows * self.columns

    @cached_property
    def kind(self) -> str:
        return ram_kind(self.memory, self.depth, self.word)

    # --- pipeline -----------------------------------------------------------------------------------------------

    @property
    def finishes(self) -> bool:
        """Whether a last register stage picks columns and masks."""
        return self.columns > 1 or self.rows_padded or self.columns_padded

    @property
    def latency(self) -> int:
        """Cycles from the issue of a read to its push: two for addresses, memory, row selection, column selection."""
        return 2 + ram_latency(self.kind) + (self.bank_rows > 1) + self.finishes

    @property
    def fifo_depth(self) -> int:
        return credits_needed(self.latency)

    @property
    def first_valid(self) -> int:
        """Cycles from issue to valid at the output."""
        return self.latency + THROUGH_FIFO

    # --- cost ---------------------------------------------------------------------------------------------------

    def cost(self, out_word: int) -> Resources:
        """The ring with its control; out_word: bits of an output beat."""
        return self._memory_cost(out_word) + self._address_cost() + self._control_cost() + self._out_cost(out_word)

    def _memory_cost(self, out_word: int) -> Resources:
        """Banks, the registers in front of them, and the selection of rows and columns behind."""
        banks = ram_cost(self.kind, self.depth, self.word) * self.banks
        rows = self.rows * self.columns * self.word
        choose = Resources(
            lut=rows * (mux_luts(self.bank_rows) + mux_luts(self.columns)),
            ff=(rows if self.bank_rows > 1 else 0) + (out_word if self.finishes else 0),
        )
        ports = Resources(lut=self.banks, ff=self.word + self.banks + _bits(self.depth))
        return banks + choose + ports

    def _address_cost(self) -> Resources:
        """Write address and read addresses; banks of a column that always have the same address share its register."""
        bits, word = _bits(self.depth), _bits(self.row_pitch if self.aligned else self.depth)
        added = 0 if self.aligned else self.banks
        distinct = self.columns if self.ring_groups == 1 else self.banks
        bases = self.bank_rows * (bits - word if self.aligned else bits) if self.ring_groups > 1 else 0
        adders = 2 + (self.columns - 1) + added + (not self.aligned)
        return Resources(
            lut=bases + word * (3 + self.columns - 1) + bits * added,
            ff=word * (2 + self.columns) + bases + bits * distinct,
            carry4=math.ceil(word / 4) * adders,
        )

    def _control_cost(self) -> Resources:
        """Writer, scanner, reader."""
        counts = (self.groups, self.width, self.slots, self.columns)  # writer
        counts += (
            self.column_groups,
            self.row_groups,
            self.groups,
            self.count,
            self.out_rows,
            self.out_rows,
        )  # reader, scanner
        total = sum((counter_cost(n) for n in counts), Resources())
        slot, column, lead = (
            _bits(self.slots),
            _bits(self.width) + 1,
            _bits(self.slots + self.stride + self.kernel[0]) + 1,
        )
        total += Resources(lut=3 * slot + 3 * column + 3 * lead, ff=8 + 2 * slot + column + 2 * lead)
        total += Resources(carry4=2 * math.ceil(column / 4) + 3 * math.ceil(lead / 4))
        flags = self.latency + (2 if self.bank_rows > 1 else 0) + (2 if self.columns > 1 else 0)
        if self.rows_padded:
            total += Resources(lut=2 * _bits(self.height) + 2 * self.rows, ff=_bits(self.height) + 2, carry4=2)
        if self.columns_padded:
            total += Resources(lut=3 * _bits(self.width) + 2 * self.columns, ff=_bits(self.width) + 2, carry4=2)
        return total + Resources(lut=flags / 2, lutram=flags / 2, ff=self.latency + flags / 2)

    def _out_cost(self, out_word: int) -> Resources:
        style = queue.cheaper(out_word, self.fifo_depth)
        return up_down_cost(self.fifo_depth.bit_length()) + queue.cost(out_word, self.fifo_depth, style)


def _bits(n: int) -> int:
    return (n - 1).bit_length()
