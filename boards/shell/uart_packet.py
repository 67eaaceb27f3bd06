"""Packets on the serial line, for hardware, host and tests alike. Standard library only.

The line is 8N1. The host sends a request and waits for its reply; the chip never speaks first. Both have the same form:

    byte 0      0x68 ("h") of a request, 0x48 ("H") of a reply
    byte 1      low nibble: the operation, of a reply the status; high nibble: which input or output
    byte 2      sequence number; a reply has that of its request
    bytes 3, 4  bytes of payload, 0 to MOST, little-endian
    payload
    2 bytes     CRC-16 (polynomial 0x1021, from 0xFFFF) of all from byte 1 on, the upper byte first

operation   payload of the request             payload of the reply
READ        byte offset of a register (2)      its value (4)
WRITE       byte offset (2), value (4)         none
FRAMES      bytes for that input: 1 to MOST    none
SCORES      how many bytes are wanted (2)      bytes of that output, as many as there are, at most those wanted

Frames and scores lie in their bytes as in memory: values in raster order, channels last, each of 1, 2, 4 or 8 bytes,
little-endian. They are streams: a packet may hold part of a frame, or the end of one and the start of the next.

status      means
OK          done
BUSY        the input still holds what was sent before: take scores, then send these again
BAD         wrong CRC, unknown operation, no such input or output, or a payload of wrong size: nothing was done

No reply within the host's time: it sends the request again, with the same sequence number. FRAMES and SCORES of the number
that was last done for that input or output aren't done again, only answered again, so no byte is doubled or lost. Other
requests may be repeated. A packet whose next byte doesn't come within TIMEOUT is forgotten by the chip, and so is whatever
comes before a 0x68; a host that gives up on a reply waits that long before it sends again. A reset of the chip (register
CONTROL) forgets sequence numbers, frames and scores; a host begins with one.
"""

from __future__ import annotations

from dataclasses import dataclass

REQUEST, REPLY = 0x68, 0x48
READ, WRITE, FRAMES, SCORES = 1, 2, 3, 4
OK, BUSY, BAD = 0, 1, 2
MOST = 1024  # bytes of payload
TIMEOUT = 0.05  # seconds; USB serial adapters send in pieces, some 16 ms apart
BAUD = 1_000_000
POLYNOMIAL, START = 0x1021, 0xFFFF


def crc(data: bytes, value: int = START) -> int:
    """CRC-16, most significant bit first ("CCITT-FALSE": of b"123456789" 0x29B1); of data with its CRC behind it, 0."""
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ (POLYNOMIAL if value & 0x8000 else 0)) & 0xFFFF
    return value


@dataclass(frozen=True)
class Packet:
    """code: operation or status. channel: input or output."""

    code: int
    channel: int = 0
    sequence: int = 0
    payload: bytes = b""

    def encode(self, sync: int = REQUEST) -> bytes:
        inner = bytes([self.code | self.channel << 4, self.sequence]) + len(self.payload).to_bytes(2, "little")
        inner += self.payload
        return bytes([sync]) + inner + crc(inner).to_bytes(2, "big")


HEAD, TAIL = 5, 2  # bytes before and after the payload


def decode(data: bytes, sync: int = REPLY) -> Packet:
    """A whole packet, from its first byte on. Raises ValueError where it isn't one."""
    if len(data) < HEAD + TAIL or data[0] != sync or len(data) != size(data):
        raise ValueError(f"not a packet: {data[:16].hex(' ')}")
    if crc(data[1:]) != 0:
        raise ValueError("a packet with a wrong CRC")
    return Packet(data[1] & 15, data[1] >> 4, data[2], data[HEAD:-TAIL])


def size(head: bytes) -> int:
    """Bytes of a whole packet, from its first HEAD bytes."""
    return HEAD + int.from_bytes(head[3:5], "little") + TAIL
