"""Runs in the simulator: a network at the end of a serial line."""

import cocotb

from hwgen.boards.shell.registers import OUTPUT, offset, register
from tests.shell.drive_uart import CONTROL, ENABLE, LIMIT, through
from tests.shell.line import Line


@cocotb.test(**LIMIT)
async def scores_are_the_models(dut):
    """With gaps in the line, and a bit of disturbance; FIFOs were used, and all is at rest behind it."""
    line = await Line.start(dut, 11)
    line.gap = 4
    await line.put(CONTROL, ENABLE)
    await through(line, line.config.frames, line.config.scores, lose=0.0005)
    line.lose = 0
    assert await line.get(offset("FRAMES", OUTPUT)) == len(line.config.frames)
    assert await line.get(offset("STATUS")) & register("STATUS")["IDLE"].mask
    assert await line.get(offset("ERRORS")) == 0
    fills = []
    for k in range(len(line.config.identity.fifos)):
        await line.put(offset("FIFO_SELECT"), k)
        fills.append(await line.get(offset("FIFO_FILL")))
    assert max(fills) > 0 and all(fill <= depth for fill, depth in zip(fills, line.config.identity.fifos))
