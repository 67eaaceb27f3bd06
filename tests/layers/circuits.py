"""Small circuits against functions of Python's integers: their vectors, and a bench that runs them in Icarus Verilog."""

from __future__ import annotations

import itertools
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

EXHAUSTIVE = 10  # bits of all inputs together, up to which every vector is tried
VECTORS = 300
SEED = 20261126
DEADLINE = 60  # seconds


@dataclass(frozen=True)
class Case:
    """A circuit. text: Verilog of its body. inputs, outputs: port -> bits. latency: cycles from inputs to outputs.

    expected: the outputs from the inputs, all of them unsigned integers.
    """

    text: str
    inputs: dict[str, int]
    outputs: dict[str, int]
    expected: Callable[..., tuple[int, ...]]
    latency: int = 0
    name: str = ""

    def vectors(self) -> list[tuple[int, ...]]:
        """A value for each input; the ends of all ranges among them."""
        widths = list(self.inputs.values())
        if sum(widths) <= EXHAUSTIVE and not self.latency:
            return list(itertools.product(*(range(1 << w) for w in widths)))
        rng = random.Random(f"{SEED} {self.name} {self.inputs}")
        ends = [tuple(rng.choice([0, (1 << w) - 1, 1 << w - 1]) for w in widths) for _ in range(VECTORS // 3)]
        return ends + [tuple(rng.getrandbits(w) for w in widths) for _ in range(VECTORS)]

    def check(self, seen: list[tuple[int, ...]], what: str) -> None:
        """seen: the outputs in the cycle of each vector."""
        vectors = self.vectors()
        assert len(seen) == len(vectors)
        late = max(self.latency - 1, 0)  # seen behind the clock edge that takes the vector in
        for vector, outputs in zip(vectors, seen[late:]):
            wanted = self.expected(**dict(zip(self.inputs, vector)))
            assert outputs == wanted, f"{what}: {self.name} {self.inputs} of {vector}: {outputs}, not {wanted}"


@dataclass
class Icarus:
    """Cases side by side in one simulation."""

    folder: Path
    cases: list[Case]
    sources: list[Path]
    modules: str = ""

    def run(self) -> list[list[tuple[int, ...]]]:
        assert shutil.which("iverilog"), "Icarus Verilog isn't installed: apt install iverilog"
        tops = "\n".join(self._top(k, case) for k, case in enumerate(self.cases))
        (self.folder / "bench.v").write_text(f"{self.modules}\n{tops}\n")
        names = [argument for k in range(len(self.cases)) for argument in ("-s", f"bench{k}")]
        files = [str(self.folder / "bench.v"), *map(str, self.sources)]
        build = ["iverilog", "-g2012", "-o", "bench", *names, *files]
        for command in (build, ["vvp", "-n", "bench"]):
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=DEADLINE)
            assert not done.returncode, done.stdout + done.stderr
        return [self._seen(k, case) for k, case in enumerate(self.cases)]

    def _top(self, k: int, case: Case) -> str:
        vectors, wide = case.vectors(), sum(case.inputs.values())
        lines = ("".join(f"{v:0{w}b}" for v, w in zip(vector, case.inputs.values())) for vector in vectors)
        (self.folder / f"in{k}").write_text("\n".join(lines) + "\n")
        ports = "\n".join(
            [f"reg [{w - 1}:0] {name} = 0;" for name, w in case.inputs.items()]
            + [f"wire [{w - 1}:0] {name};" for name, w in case.outputs.items()]
        )
        return f"""
          module bench{k};
            reg clk = 0;
            {ports}
            {case.text}
            reg [{wide - 1}:0] vectors [0:{len(vectors) - 1}];
            integer n, file;
            initial begin
              $readmemb("in{k}", vectors);
              file = $fopen("out{k}");
              #200; // the global reset of Yosys's models
              for (n = 0; n < {len(vectors)}; n = n + 1) begin
                {{{", ".join(case.inputs)}}} = vectors[n];
                #5 clk = 1;
                #5 $fdisplay(file, "%b", {{{", ".join(case.outputs)}}});
                clk = 0;
              end
              $fclose(file);
            end
          endmodule"""

    def _seen(self, k: int, case: Case) -> list[tuple[int, ...]]:
        result = []
        for line in (self.folder / f"out{k}").read_text().split():
            values, at = [], 0
            for width in case.outputs.values():
                part, at = line[at : at + width], at + width
                values.append(int(part, 2) if set(part) <= set("01") else part)
            result.append(tuple(values))
        return result
