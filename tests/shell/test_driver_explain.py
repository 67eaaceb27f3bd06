"""What the host driver says of a chip: its registers in words, and why it hangs."""

import pytest

from hwgen.boards.shell import registers
from hwgen.boards.shell.driver import Accelerator, Hangs
from tests.shell.chip_model import ADDRESS
from tests.shell.test_driver import PIXELS, chip, frames_of, one


def test_a_network_that_stands_still_is_told():
    machine = chip()
    machine.stuck = True
    with pytest.raises(
        Hangs, match="nothing moved for 10 s, 0 of 3 frames are done: the network itself stands still"
    ) as found:
        Accelerator(machine).run(frames_of(PIXELS, 3, 0))
    assert any("highest fills of its FIFOs, in beats: 3, 4" in line for line in found.value.story)
    assert any("'input0': 0 frames passed the network's port, 3 wait" in line for line in found.value.story)
    assert ("CONTROL", 2) in machine.log[-5:], "what hangs is reset"
    machine.stuck, machine.dead = False, True
    machine.wait = lambda seconds: setattr(machine, "now", machine.now + 1)
    machine.time = lambda: setattr(machine, "now", machine.now + 1) or machine.now
    with pytest.raises(Hangs, match="memory doesn't answer bursts that were begun"):
        Accelerator(machine).reset()


def test_what_explain_says():
    machine = chip(step=3)
    accelerator = Accelerator(machine)
    assert any("idle" in line for line in accelerator.explain())
    assert accelerator.explain()[0].startswith("not enabled")
    write = {name: lambda value, at=at: machine.write(at, value) for at, (name, _) in machine.map.items()}
    write["CONTROL"](1)
    write["INPUT0_ADDRESS"](ADDRESS)
    write["INPUT0_PUSH"](0)
    assert any(
        "can't get rid of scores at 'output0': no room for scores is queued" in line for line in accelerator.explain()
    )
    write["INPUT0_ADDRESS"](ADDRESS + 4)
    write["INPUT0_PUSH"](0)
    assert accelerator.explain()[0].startswith("MISALIGNED: a frame's address")
    two = chip(lambda frames: one(frames[:1]), inputs=(PIXELS, PIXELS), step=3)
    two.write(registers.offset("CONTROL"), 1)
    two.write(registers.offset("ADDRESS", registers.INPUT, 0), ADDRESS)
    two.write(registers.offset("PUSH", registers.INPUT, 0), 0)
    said = "the network waits for frames at 'input1': no frame is queued there"
    assert said in Accelerator(two).explain()


def test_status_is_every_register_decoded():
    machine = chip()
    accelerator = Accelerator(machine)
    accelerator.run(frames_of(PIXELS, 2, 0))
    status = accelerator.status()
    assert status["FEATURES"] == {"DMA": 1, "FILLS": 1, "INPUTS": 1, "OUTPUTS": 1}
    assert status["INPUT0"]["FRAMES"] == 2 and status["OUTPUT0"]["DONE"] == 2
    assert status["OUTPUT0"]["TYPE"] == {"WIDTH": 12, "SIGNED": 1, "TOP1": 1, "BYTES": 2, "FRACTION": 3}
    assert accelerator.fills() == [3, 4]
