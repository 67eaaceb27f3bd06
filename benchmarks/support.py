"""The support table, docs/support.md: every layer, option and quantizer is given to the compiler, which says what it is.

    python -m benchmarks.support

`tests/test_support.py` fails where the page isn't what this writes, where a layer or quantizer of hwgen isn't tried, and
where Keras's own layer gets another answer.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.support_cases import Case, as_activation, as_kernel, layer_cases, quantizer_texts
from hwgen.checking import Check, check_network
from hwgen.quantizers import UnsupportedQuantizer, parse
from hwgen.read import FORMATS, foreign

PAGE = Path(__file__).resolve().parent.parent / "docs" / "support.md"
INPUT = "fixed<8,3>"

HEAD = """\
# What becomes exact hardware

Written by `python -m benchmarks.support`, which gives every line here to the compiler; a test fails where this page says
anything else. "Exact" is exact: the integers in hardware are those of the model, on every stream. Everything else is
refused in one line that names the layer, and `python -m hwgen model.h5 --check` lists all such lines of a model at once.

"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written to {PAGE}")


def page() -> str:
    return HEAD + "\n".join((*_layers(), *_quantizers(), *_formats()))


def verdict(case: Case, flavour: str = "0.9") -> Check:
    """What the compiler says of a case."""
    return check_network(replace(case.network(), flavour=flavour), INPUT)


def _layers() -> list[str]:
    lines = [
        "## Layers",
        "",
        "Each as it comes, with the quantizers of the next table, or with the options named. Numbers are",
    ]
    lines += ["those of the reasons below.", "", "| layer | exact | refused |", "|---|---|---|"]
    reasons: dict[str, int] = {}
    for kind, cases in layer_cases().items():
        exact, refused = [], []
        for case in cases:
            check = verdict(case)
            if check.exact:
                exact.append(case.label or "as it comes")
            else:
                number = reasons.setdefault(_reason(check), len(reasons) + 1)
                refused.append(f"{case.label or 'always'} ({number})")
        lines.append(_row(kind, ", ".join(exact), ", ".join(refused)))
    lines += ["", "Why, and what to change:", ""]
    return [*lines, *(f"{number}. {reason}" for reason, number in reasons.items()), ""]


def _reason(check: Check) -> str:
    problem = check.problems[0]
    return f"{problem.reason}; {problem.change}" if problem.change else problem.reason


def _quantizers() -> list[str]:
    lines = ["## Quantizers", "", "As the quantizer of weights, and as an activation.", ""]
    lines += ["| quantizer | of weights | as an activation |", "|---|---|---|"]
    for texts in quantizer_texts().values():
        for text in texts:
            lines.append(_row(f"`{text}`", *(_answer(text, make(text)) for make in (as_kernel, as_activation))))
    return [*lines, ""]


def _answer(text: str, case: Case) -> str:
    old, new = (verdict(case, flavour) for flavour in ("0.9", "v3"))
    if not new.exact:
        return ("exact in QKeras 0.9 only: " if old.exact else "no: ") + _reason(new).replace(_name(text), "").strip()
    return "exact" if old.exact else "exact in qkeras-v3 only"


def _name(text: str) -> str:
    """The quantizer as messages call it."""
    try:
        return str(parse(text, "v3"))
    except UnsupportedQuantizer:
        return text.partition("(")[0]


def _formats() -> list[str]:
    lines = ["## Files", "", "| file | what hwgen does |", "|---|---|"]
    lines += [_row(what, how) for what, how in FORMATS]
    lines += [_row(kind.what, f"refused; {kind.change}") for kind in foreign.KINDS]
    return [*lines, ""]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    main()
