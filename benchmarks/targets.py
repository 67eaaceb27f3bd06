"""What the reference network must reach on a Zybo Z7-10, beside what was published for that chip.

Published: A. Pinzari, A. Prost-Boucle, C. Rabache, F. Pétrot, "Inside the AI Accelerators: From High Performance to Energy
Efficiency" (TIMA, Univ. Grenoble Alpes), sections 4.3 and 4.5.2: the same network on the same chip at 150 MHz.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.tables import NOT_RUN, markdown

INTERVAL = 50_700  # cycles a frame; one pixel a cycle is 50,176
LATENCY = 60_000  # cycles
PEER_RATE = 5_000  # inferences/s of RN07 on a PYNQ-Z2
LUT_ERROR = 15  # percent
COMPILE_SECONDS, COMPILE_BYTES = 30, 2e9
SIMULATE_SECONDS = 180

# resource -> (name, the most that may be used, published)
RESOURCES: dict[str, tuple[str, int | None, str]] = {
    "lut": ("LUT", 13_500, "13,860 (9,030 as logic, 4,830 as memory)"),
    "lutram": ("LUT as memory", 4_000, "4,830"),
    "ff": ("flip-flops", 28_000, "11,796"),
    "carry4": ("CARRY4", None, ""),
    "bram36": ("RAMB36", 60, "60"),
    "dsp": ("DSP48E1", 80, "37"),
}
PUBLISHED_INTERVAL, PUBLISHED_LATENCY, PUBLISHED_RATE = "842,697", "26 ms", "178"


def number(value: float) -> str:
    """A count in full, anything else with a digit after the point, or two digits in all where it is small."""
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if value >= 10 else f"{value:.2g}"


@dataclass(frozen=True)
class Line:
    """One line of the benchmark. figure: measured; None where it wasn't. estimated: what hwgen said before.

    how: how the figure is known, or why it isn't. At most one of `most` and `least`, the target.
    """

    what: str
    figure: float | None
    how: str
    most: float | None = None
    least: float | None = None
    estimated: float | None = None
    published: str = ""

    @property
    def target(self) -> str:
        if self.most is not None:
            return f"at most {number(self.most)}"
        return "" if self.least is None else f"at least {number(self.least)}"

    @property
    def holds(self) -> bool | None:
        """None where there is no target, or nothing was measured."""
        if self.figure is None or not self.target:
            return None
        return self.figure <= self.most if self.most is not None else self.figure >= self.least

    @property
    def cells(self) -> dict[str, str]:
        """The line by the table's columns."""
        return {
            "": self.what,
            "measured": NOT_RUN if self.figure is None else number(self.figure),
            "target": self.target,
            "holds": {None: "", True: "yes", False: "**no**"}[self.holds],
            "estimated": "" if self.estimated is None else number(self.estimated),
            "published": self.published,
            "how it is known": self.how,
        }


def table(lines: list[Line], columns: tuple[str, ...] = ()) -> str:
    """The lines as Markdown. columns: the headings to show; all by default."""
    shown = columns or tuple(lines[0].cells)
    return markdown(list(shown), [[line.cells[column] for column in shown] for line in lines])


def missed(lines: list[Line]) -> list[Line]:
    """Those that were measured and don't hold."""
    return [line for line in lines if line.holds is False]
