"""All cases of layers against the QKeras that is installed, without pytest, which prints those that fail.

python -m tests.quantize.compare_cases --every 1
"""

from __future__ import annotations

import argparse
import sys
import traceback
import warnings

import tensorflow as tf

from tests.qkeras_truth import compare
from tests.quantize import activation_cases, conv_cases, norm_cases
from tests.quantize.layer_cases import CASES

assert activation_cases and conv_cases and norm_cases  # they fill CASES


def check(name: str) -> None:
    """Raises AssertionError where the case differs from QKeras."""
    # QKeras's layers need no AutoGraph to be built, and are built several times faster without.
    compare(tf.autograph.experimental.do_not_convert(CASES[name])())


def main(argv=None) -> int:
    """Compares cases; the exit status is 1 where one differs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--every", type=int, default=1, help="of how many cases in turn one is compared")
    chosen = list(CASES)[:: parser.parse_args(argv).every]
    warnings.simplefilter("ignore", UserWarning)
    failed = []
    for name in chosen:
        try:
            check(name)
        except Exception:
            failed.append(name)
            print(f"{name}: {traceback.format_exc(limit=-1)}", flush=True)
    print(f"{len(chosen)} cases, failed: {failed or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
