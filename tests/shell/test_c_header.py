"""The C header, compiled as strict C99 and C++: every macro has the value that the register map says."""

import shutil
import subprocess

import pytest

from hwgen.boards.shell import c_header
from hwgen.boards.shell.identity import Identity, Port
from hwgen.boards.shell.registers import BANKS, GLOBAL, offset
from hwgen.tensor import TensorType

IDENTITY = Identity(
    (Port(TensorType((4, 3, 2), -8, 7, frac=-2), 1), Port(TensorType((1, 1, 9), 0, 70000, frac=8), 1)),
    (Port(TensorType((1, 1, 5), -2048, 2047, frac=3, divisor=9), 1, 3),),
    (4, 9),
    125_000_000,
    bytes(range(0xF0, 0x100)),
    dma=True,
)
NAME = 'my "model" */ 3'


def expected() -> dict[str, int]:
    """Expression in C -> value."""
    found = {"HWGEN_BASE": 0x4000_0000, "HWGEN_WINDOW": 4096, "HWGEN_MAGIC_VALUE": 0x6E677768}
    found["HWGEN_GET(0x1234u, HWGEN_INPUT_TYPE_BYTES)"] = 1
    for bank in (None, *BANKS):
        for one in GLOBAL if bank is None else bank.registers:
            name = f"HWGEN_{bank.name + '_' if bank else ''}{one.name}"
            for k in (0, 1, 15) if bank else (0,):
                found[f"{name}({k})" if bank else name] = offset(one.name, bank, k)
            for part in one.bits:
                found[f"{name}_{part.name}_SHIFT"] = part.low
                found[f"{name}_{part.name}_MASK"] = part.mask
    model = {f"{name}_VALUE": value for name, value in IDENTITY.constants().items() if name.startswith("MODEL_HASH")}
    model |= {"MODEL_CLOCK_HZ": 125_000_000, "MODEL_INPUTS": 2, "MODEL_OUTPUTS": 1}
    for channel in IDENTITY.channels:
        kind, prefix = channel.port.type, f"MODEL_{channel.name.upper()}"
        model |= dict(zip((f"{prefix}_{part}" for part in ("ROWS", "COLUMNS", "CHANNELS")), kind.shape))
        model |= {f"{prefix}_WIDTH": kind.width, f"{prefix}_SIGNED": kind.signed, f"{prefix}_FRACTION": kind.frac}
        model |= {f"{prefix}_DIVISOR": kind.divisor, f"{prefix}_FRAME_BYTES": channel.port.frame_bytes}
    sizes = {"MODEL_INPUT0_CTYPE": 1, "MODEL_INPUT1_CTYPE": 4, "MODEL_OUTPUT0_CTYPE": 2}
    found |= {f"sizeof(HWGEN_{name})": size for name, size in sizes.items()}
    return found | {f"HWGEN_{name}": int(value) for name, value in model.items()}


@pytest.mark.parametrize("compiler", [["cc", "-std=c99"], ["c++", "-std=c++11", "-x", "c++"]], ids=["C", "C++"])
def test_every_macro_has_its_value(tmp_path, compiler):
    assert shutil.which(compiler[0]), f"{compiler[0]} is needed, as for Verilator"
    (tmp_path / "hwgen_registers.h").write_text(c_header.text(IDENTITY, NAME), encoding="utf-8")
    values = expected()
    prints = "\n".join(f'    printf("%lld\\n", (long long)({one}));' for one in values)
    program = '#include <stdint.h>\n#include <stdio.h>\n#include "hwgen_registers.h"\n#include "hwgen_registers.h"\n'
    program += f"int main(void)\n{{\n{prints}\n    puts(HWGEN_MODEL_NAME);\n    return 0;\n}}\n"
    (tmp_path / "all.c").write_text(program)
    subprocess.run(
        [*compiler, "-Wall", "-Wextra", "-Werror", "-pedantic", "all.c", "-o", "all"], cwd=tmp_path, check=True
    )
    *printed, name = subprocess.run([tmp_path / "all"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert dict(zip(values, map(int, printed))) == values
    assert name == "my _model_ __ 3"


def test_no_macro_is_defined_twice():
    lines = [line for line in c_header.text(IDENTITY, NAME).splitlines() if line.startswith("#define")]
    names = [line.split()[1].split("(")[0] for line in lines]
    assert len(names) == len(set(names)) and len(names) > 150
