"""Drives a Source or watches a Sink: AXI4-Stream on one side, a stream on the other, random stalls on both."""

from __future__ import annotations

import random

from amaranth.sim import Simulator


def run_axi(
    component, offered: list[dict], inputs: str, outputs: str, wanted: int, seed: int, stall_in=0.0, stall_out=0.0
):
    """Offers beats {port: value} on the ports whose names start with `inputs`, collects dicts of those that start with
    `outputs`.

    Valid, ready and all other ports are named by prefix: "s_axis_t" for s_axis_tvalid, "o." for o.valid. Returns
    (collected, cycle of each input transfer, cycle of each output transfer). Fails after a deadline, and where an
    offered beat is taken back.
    """
    rng = random.Random(seed)
    taken, emitted, collected = [], [], []
    deadline = 400 + int((len(offered) + wanted) * 3 / (1 - max(stall_in, stall_out)) ** 2)

    def port(name):
        return (
            getattr(component.o if name.startswith("o.") else component.i, name[2:])
            if "." in name
            else getattr(component, name)
        )

    async def bench(ctx):
        at, pending, waiting = 0, False, None
        for cycle in range(deadline):
            if not pending and at < len(offered) and rng.random() >= stall_in:
                pending = True
                for name, value in offered[at].items():
                    ctx.set(port(name), value)
            ctx.set(port(f"{inputs}valid"), pending)
            accept = rng.random() >= stall_out
            ctx.set(port(f"{outputs}ready"), accept)
            beat = None
            if ctx.get(port(f"{outputs}valid")):
                beat = {name: _plain(ctx.get(port(name))) for name in watched}
            assert waiting is None or beat == waiting, f"an offered beat changed in cycle {cycle} (seed {seed})"
            waiting = beat if not accept else None
            if beat is not None and accept:
                collected.append(beat)
                emitted.append(cycle)
            if pending and ctx.get(port(f"{inputs}ready")):
                taken.append(cycle)
                at, pending = at + 1, False
            await ctx.tick()
            if len(collected) == wanted and at == len(offered):
                return
        raise AssertionError(f"{len(collected)} of {wanted} beats after {deadline} cycles (seed {seed})")

    names = [name for name in component.signature.members if name.startswith(outputs)]
    watched = ["o.payload"] if outputs == "o." else [n for n in names if not n.endswith(("valid", "ready"))]
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return collected, taken, emitted


def _plain(value):
    return value if isinstance(value, int) else [value[k] for k in range(value.shape().length)]
