"""The host's side of `uart_packet`: registers, frames and scores over a serial line. Standard library only."""

from __future__ import annotations

import os
import select
import termios
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from hwgen.boards.shell import uart_packet as packet
from hwgen.boards.shell.uart_packet import Packet

REPLY_WITHIN = 0.5  # seconds; the longest packet takes a hundredth at 1 Mbaud
TRIES = 5
PATIENCE = 5.0  # seconds in which something has to move while frames are on their way


class LinkError(Exception):
    """The chip doesn't answer, refuses a request, or stands still."""


class Port(Protocol):
    """A serial line: bytes out, and bytes in."""

    def write(self, data: bytes) -> None: ...

    def read(self, count: int, seconds: float) -> bytes:
        """Up to `count` bytes, at least one unless none came in that time."""
        ...


class Serial:
    """A serial device of Linux, as /dev/ttyUSB0. Raises OSError where it can't be opened, ValueError for a rate that the
    system hasn't."""

    def __init__(self, path: str, baud: int = packet.BAUD):
        speed = getattr(termios, f"B{baud}", None)
        if speed is None:
            raise ValueError(f"{baud} baud is no rate that this system has")
        self.file = os.open(path, os.O_RDWR | os.O_NOCTTY)
        settings = termios.tcgetattr(self.file)
        # Raw, 8N1, no flow control.
        settings[0:4] = [0, 0, termios.CS8 | termios.CREAD | termios.CLOCAL, 0]
        settings[4:6] = [speed, speed]
        settings[6][termios.VMIN], settings[6][termios.VTIME] = 0, 0
        termios.tcsetattr(self.file, termios.TCSANOW, settings)
        termios.tcflush(self.file, termios.TCIOFLUSH)

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.file, data) :]

    def read(self, count: int, seconds: float) -> bytes:
        ready, _, _ = select.select([self.file], [], [], seconds)
        return os.read(self.file, count) if ready else b""

    def close(self) -> None:
        os.close(self.file)


class Link:
    """Requests to a chip, each repeated until it was answered. most: bytes of frames or scores in a packet; on a disturbed
    line fewer lose less. reply_within: seconds that a request and its reply may take. clock, sleep: of time, in seconds."""

    def __init__(
        self,
        port: Port,
        most: int = packet.MOST,
        reply_within: float = REPLY_WITHIN,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.port, self.most, self.reply_within, self.clock, self.sleep = port, most, reply_within, clock, sleep
        self.sequence = 0

    def read(self, offset: int) -> int:
        """A register."""
        return int.from_bytes(self._request(packet.READ, 0, offset.to_bytes(2, "little")).payload, "little")

    def write(self, offset: int, value: int) -> None:
        """A register."""
        self._request(packet.WRITE, 0, offset.to_bytes(2, "little") + value.to_bytes(4, "little"))

    def run(self, frames: Sequence[bytes], sizes: Sequence[int]) -> list[bytes]:
        """frames: for each input the bytes of all frames, one behind the other. sizes: bytes that each output gives for
        them. Returns the bytes of each output. Raises LinkError where nothing moves for PATIENCE."""
        rest, found = [memoryview(data) for data in frames], [b""] * len(sizes)
        moved = self.clock()
        while any(rest) or any(len(data) < size for data, size in zip(found, sizes)):
            for k, data in enumerate(rest):
                if data and self.send(k, data[: self.most]):
                    rest[k], moved = data[self.most :], self.clock()
                    continue
                for n, size in enumerate(sizes):
                    if new := self.scores(n, min(self.most, size - len(found[n]))):
                        found[n], moved = found[n] + new, self.clock()
            if self.clock() - moved > PATIENCE:
                missing = sum(size - len(data) for data, size in zip(found, sizes))
                raise LinkError(
                    f"the chip stands still: {missing:,} bytes of scores are missing, "
                    f"{sum(map(len, rest)):,} of frames weren't taken; is it enabled (register CONTROL)?"
                )
        return found

    def send(self, k: int, data: bytes) -> bool:
        """Bytes of frames for input k, at most MOST; False where it still holds what was sent before."""
        return self._request(packet.FRAMES, k, bytes(data)).code == packet.OK

    def scores(self, k: int, wanted: int) -> bytes:
        """Bytes of output k, as many as there are, at most those wanted."""
        return self._request(packet.SCORES, k, wanted.to_bytes(2, "little")).payload if wanted > 0 else b""

    def _request(self, code: int, channel: int, payload: bytes) -> Packet:
        self.sequence = (self.sequence + 1) % 256
        request = Packet(code, channel, self.sequence, payload)
        for _ in range(TRIES):
            self.port.write(request.encode())
            reply = self._reply(self.clock() + self.reply_within)
            if reply is None or reply.sequence != self.sequence:
                self.sleep(packet.TIMEOUT)  # by then the chip has forgotten what it got of the request
                self.port.read(1 << 16, 0)
            elif reply.code != packet.BAD:
                return reply
        raise LinkError(
            f"no answer to {TRIES} requests: is this chip's bitstream loaded, and the line at the rate that it was built for?"
            if reply is None
            else "the chip refuses a request: it has no such register, input or output, or the line is disturbed"
        )

    def _reply(self, until: float) -> Packet | None:
        """The next packet; None where none came whole."""
        data = b""
        while (left := until - self.clock()) > 0:
            data += self.port.read(packet.MOST, left)
            start = data.find(packet.REPLY)
            data = data[start:] if start >= 0 else b""
            if len(data) >= packet.HEAD and len(data) >= packet.size(data):
                try:
                    return packet.decode(data[: packet.size(data)])
                except ValueError:
                    return None
        return None
