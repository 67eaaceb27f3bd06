"""A chip of hwgen as software: its registers and DMA engines by docs/zynq-shell.md, with an integer model as the network.

Time goes on with every access and every wait, so that frames are fetched, computed and written back one after the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from hwgen.boards.shell.driver import Machine
from hwgen.boards.shell.identity import Identity
from hwgen.boards.shell.registers import registers
from hwgen.layers.axi import element_dtype

DEPTH, INSIDE = 16, 3  # frames in a queue, and in the network
ADDRESS = 0x1000_0000


class ChipModel(Machine):
    """compute: raw inputs of one frame, (H, W, C) each -> raw outputs. step: accesses for which a frame is at each end.

    size: bytes of memory. rotten: addresses at which memory answers with DECERR. stuck: the network takes nothing. dead: a
    reset never ends. log: of (name, value) written.
    """

    def __init__(
        self, identity: Identity, compute: Callable, size: int = 1 << 16, step: int = 5, address: int = ADDRESS
    ):
        self.identity, self.compute, self.step = identity, compute, step
        self.buffer, self.address = np.full(size, 0xA5, np.uint8), address
        self.map = registers(len(identity.inputs), len(identity.outputs))
        self.constants = identity.constants()
        self.rotten, self.stuck, self.dead = range(0), False, False
        self.log, self.closed, self.waited, self.accesses, self.now = [], False, 0, 0, 0.0
        self.dry = 0  # steps in which the network had room and no frame, though more were to come
        self._power_up()

    def _power_up(self) -> None:
        self.values = {name: 0 for name, _ in self.map.values()} | self.constants
        self.queues = {channel.name: deque() for channel in self.identity.channels}
        self.inside: deque = deque()

    # --- registers ---

    def read(self, offset: int) -> int:
        assert offset % 4 == 0
        self._tick()
        name, register = self.map[offset]
        assert register.access != "wo", f"{name} can't be read"
        if name == "STATUS":
            idle = not self.inside and not any(self.queues[f"input{k}"] for k in range(len(self.identity.inputs)))
            return idle | (not idle) << 1 | bool(self.values["ERRORS"]) << 3 | self.dead << 4
        if name.endswith("_QUEUE"):
            waiting = len(self.queues[name.removesuffix("_QUEUE").lower()])
            return waiting | (DEPTH - waiting) << 8 | DEPTH << 16
        if name == "CYCLES_LOW":
            return self.accesses
        if name == "FIFO_FILL":
            return 3 + self.values["FIFO_SELECT"]
        return self.values[name]

    def write(self, offset: int, value: int) -> None:
        assert 0 <= value < 1 << 32
        self._tick()
        name, register = self.map[offset]
        self.log.append((name, value))
        if name == "CONTROL" and value & 2:
            self._power_up()
            self.values["CONTROL"] = 2 if self.dead else 0
        elif register.access == "w1c":
            self.values[name] &= ~value
        elif name.endswith("_PUSH"):
            channel = name.removesuffix("_PUSH")
            address = self.values[f"{channel}_ADDRESS"]
            if address % 8:
                self._error(4)
            elif len(self.queues[channel.lower()]) == DEPTH:
                self._error(5)
            else:
                self.queues[channel.lower()].append((address, value))
        else:
            assert register.access == "rw", f"{name} can't be written"
            self.values[name] = value

    def wait(self, seconds: float) -> bool:
        self.waited += 1
        for _ in range(20):
            if self.values["INTERRUPT_STATUS"] & self.values["INTERRUPT_ENABLE"]:
                return True
            self._tick()
        self.now += seconds
        return False

    def time(self) -> float:
        return self.now

    def close(self) -> None:
        self.closed = True

    # --- engines and network ---

    def _error(self, bit: int) -> None:
        self.values["ERRORS"] |= 1 << bit
        self.values["INTERRUPT_STATUS"] |= 2

    def _tick(self) -> None:
        self.accesses += 1
        if not self.values["CONTROL"] & 1 or self.stuck or self.accesses % self.step:
            return
        inputs = [channel for channel in self.identity.channels if channel.kind == "input"]
        outputs = [channel for channel in self.identity.channels if channel.kind == "output"]
        if self.inside and all(self.queues[channel.name] for channel in outputs):
            self._leave(outputs)
        elif self.inside:
            for channel in outputs:
                self.values[f"{channel.name.upper()}_BLOCKED"] += not self.queues[channel.name]
        if len(self.inside) < INSIDE and all(self.queues[channel.name] for channel in inputs):
            frames = [self._fetch(channel) for channel in inputs]
            self.inside.append(self.compute(frames))
        elif len(self.inside) < INSIDE and (self.inside or any(self.queues[channel.name] for channel in inputs)):
            self.dry += 1
            for channel in inputs:
                self.values[f"{channel.name.upper()}_STARVED"] += not self.queues[channel.name]

    def _fetch(self, channel) -> np.ndarray:
        address, number = self.queues[channel.name].popleft()
        data = self._memory(channel, address, number, 1)
        self._done(channel, number)
        return data.view(element_dtype(channel.port.type)).astype(np.int64).reshape(channel.port.type.shape)

    def _leave(self, outputs) -> None:
        for channel, raw in zip(outputs, self.inside.popleft()):
            address, number = self.queues[channel.name].popleft()
            data = raw.astype(element_dtype(channel.port.type)).reshape(-1)
            self._memory(channel, address, number, 3)[:] = data.view(np.uint8)
            if channel.port.top1:
                self.values[f"{channel.name.upper()}_TOP1"] = int(data.argmax())
            self._done(channel, number)
        self.values["INTERRUPT_STATUS"] |= 1

    def _memory(self, channel, address: int, number: int, error: int) -> np.ndarray:
        """The bytes of a frame; of no memory where that is rotten."""
        size, name = channel.port.frame_bytes, channel.name.upper()
        if set(self.rotten) & set(range(address, address + size)):
            self._error(error)
            self.values[f"{name}_FAILED"] += 1
            if self.values[f"{name}_FAILED"] == 1:
                self.values[f"{name}_FAILED_NUMBER"] = number
            return np.zeros(size, np.uint8)
        start = address - self.address
        assert 0 <= start and start + size <= len(self.buffer), f"{name}: {address:#x} is outside the buffer"
        return self.buffer[start : start + size]

    def _done(self, channel, number: int) -> None:
        name = channel.name.upper()
        self.values[f"{name}_FRAMES"] += 1
        self.values[f"{name}_DONE"] += 1
        self.values[f"{name}_DONE_NUMBER"] = number
