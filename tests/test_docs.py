"""The examples of the README run as they stand."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_python_example_of_the_readme(monkeypatch, capsys, tmp_path):
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(code) == 1
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    exec(compile(code[0], "README.md", "exec"), {})
    assert float(capsys.readouterr().out) >= 20_000
    assert (tmp_path / "build" / "digits" / "report.html").exists()


def test_links_lead_somewhere():
    for file in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", file.read_text()):
            if "://" not in target:
                assert (file.parent / target).exists(), f"{file.name}: {target}"
