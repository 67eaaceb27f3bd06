"""The register map for programs in C: `python -m hwgen.boards.shell.c_header` prints it, a chip's own has its constants too.

Offsets are bytes from the start of the window; those of a bank take k, the number of the input or output. A field F of a
register R has the macros HWGEN_R_F_SHIFT and HWGEN_R_F_MASK, the mask in its place within the word.
"""

from __future__ import annotations

from collections.abc import Iterable

from hwgen.boards.shell.identity import Channel, Identity
from hwgen.boards.shell.registers import BANKS, GLOBAL, HASH_WORDS, MAGIC, VERSION, WINDOW, Register
from hwgen.layers.axi import element_bytes

BASE = 0x4000_0000  # of the registers in a Zynq's address space
ABOUT = """\
/* Registers of a chip of hwgen: 32 bits each, at byte offsets; only whole words are written.
 * volatile uint32_t *chip = mmap(...); chip[HWGEN_CONTROL / 4] = HWGEN_CONTROL_ENABLE_MASK;
 */"""


def text(identity: Identity | None = None, name: str = "") -> str:
    """The header. identity, name: of the chip whose constants it is to have as HWGEN_MODEL_*."""
    lines = [ABOUT, "#ifndef HWGEN_REGISTERS_H", "#define HWGEN_REGISTERS_H", ""]
    lines += [
        _macro("BASE", _hex(BASE), "physical address of the registers in a Zynq"),
        _macro("WINDOW", _hex(WINDOW), "bytes of all registers"),
        _macro("MAGIC_VALUE", _hex(MAGIC), "what MAGIC reads"),
        _macro("MAJOR", f"{VERSION[0]}u", "of this map; MINOR grows where registers are added"),
        _macro("GET(word, field)", "(((word) & field##_MASK) >> field##_SHIFT)"),
        "",
    ]
    for register in GLOBAL:
        lines += _register(register.name, _hex(register.offset), register)
    for bank in BANKS:
        lines += ["", f"/* Of {bank.name.lower()} k. */"]
        start = f"{_hex(bank.offset)} + {_hex(bank.stride)} * (k)"
        for register in bank.registers:
            lines += _register(f"{bank.name}_{register.name}", f"({start} + {_hex(register.offset)})", register, "(k)")
    if identity is not None:
        lines += ["", f"/* Of the model {_plain(name)}: what the constant registers read. */", *_model(identity, name)]
    return "\n".join([*lines, "", "#endif", ""])


def _register(name: str, where: str, register: Register, k: str = "") -> list[str]:
    lines = [_macro(f"{name}{k}", where, register.doc)]
    for part in register.bits:
        lines.append(_macro(f"{name}_{part.name}_SHIFT", f"{part.low}u", part.doc))
        lines.append(_macro(f"{name}_{part.name}_MASK", _hex(part.mask)))
    return lines


def _model(identity: Identity, name: str) -> Iterable[str]:
    constants = identity.constants()
    yield _macro("MODEL_NAME", f'"{_plain(name)}"')
    for k in range(HASH_WORDS):
        yield _macro(f"MODEL_HASH{k}_VALUE", _hex(constants[f"MODEL_HASH{k}"]), f"what MODEL_HASH{k} reads")
    yield _macro("MODEL_CLOCK_HZ", f"{identity.clock_hz}u")
    yield _macro("MODEL_INPUTS", f"{len(identity.inputs)}u")
    yield _macro("MODEL_OUTPUTS", f"{len(identity.outputs)}u")
    for channel in identity.channels:
        yield from _channel(channel)


def _channel(channel: Channel) -> Iterable[str]:
    kind, prefix = channel.port.type, f"MODEL_{channel.name.upper()}"
    for part, size in zip(("ROWS", "COLUMNS", "CHANNELS"), kind.shape):
        yield _macro(f"{prefix}_{part}", f"{size}u")
    yield _macro(f"{prefix}_WIDTH", f"{kind.width}u", "bits; a value is raw * 2^-FRACTION / DIVISOR")
    yield _macro(f"{prefix}_SIGNED", str(int(kind.signed)))
    yield _macro(f"{prefix}_FRACTION", f"({kind.frac})")
    yield _macro(f"{prefix}_DIVISOR", f"{kind.divisor}u")
    yield _macro(f"{prefix}_FRAME_BYTES", f"{channel.port.frame_bytes}u")
    yield _macro(f"{prefix}_CTYPE", f"{'' if kind.signed else 'u'}int{8 * element_bytes(kind)}_t", "of <stdint.h>")


def _macro(name: str, value: str, doc: str = "") -> str:
    comment = f" /* {doc.replace('·', '*')} */" if doc else ""
    return f"#define HWGEN_{name} {value}{comment}"


def _hex(value: int) -> str:
    return f"0x{value:03x}u"


def _plain(name: str) -> str:
    """Without what would end a string or a comment."""
    return "".join(c if c.isalnum() or c in "._- " else "_" for c in name)


if __name__ == "__main__":
    print(text(), end="")
