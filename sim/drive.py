"""The cocotb test: starts the bench and waits for its end. What happens every cycle is in stream_bench.v."""

import cocotb
from cocotb.triggers import RisingEdge


@cocotb.test()
async def frames_through_the_network(dut):
    dut.go.value = 1
    await RisingEdge(dut.done)
