"""A program that answers like nextpnr for Xilinx, for tests: what it prints, and how it ends, is set when it is made."""

import sys
import textwrap
from pathlib import Path


def install(folder: Path, name: str, *, uarch: str | None = None, log: str = "", then: str = "") -> Path:
    """Writes the program `name` into a folder and returns its path.

    uarch: what --list-uarch says, for himbaechel; None for openXC7's. log: what a run prints. then: Python that runs after it.
    Each run leaves its arguments in `arguments.txt` beside the program.
    """
    path = folder / name
    options = "--device arg --chipdb arg" if uarch is not None else "--chipdb arg --xdc arg"
    path.write_text(
        textwrap.dedent(f"""\
            #!{sys.executable}
            import os, signal, sys, time
            from pathlib import Path
            if "--help" in sys.argv:
                print("Architecture specific options: {options}")
            elif "--list-uarch" in sys.argv:
                print("Info: Supported uarches: {uarch}")
            elif "--version" in sys.argv:
                print('"{name}" -- Next Generation Place and Route (Version test-1)', file=sys.stderr)
            else:
                Path(__file__).with_name("arguments.txt").write_text("\\n".join(sys.argv[1:]))
                print({log!r}, flush=True)
            """)
        + textwrap.indent(then or "pass", " " * 4)
        + "\n"
    )
    path.chmod(0o755)
    return path
