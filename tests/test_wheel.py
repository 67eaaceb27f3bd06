"""The wheel adds only `hwgen` to site-packages, with all that is in it."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_wheel_holds_hwgen_and_nothing_else(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"hwgen", next(t for t in tops if t.endswith(".dist-info"))}
    for folder, place in (
        ("hwgen", "hwgen"),
        ("layers", "hwgen/layers"),
        ("boards", "hwgen/boards"),
        ("sim", "hwgen/sim"),
    ):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in {".py", ".v", ".cpp"}:
                assert f"{place}/{file.relative_to(ROOT / folder)}" in names
