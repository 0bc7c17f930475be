"""Seconds that the preparation of a case took, in a small file beside the preprocessed case.

It is no part of the case's own file, whose bytes depend on nothing but the case.
"""

import math
from pathlib import Path

from hemosweep.files import replacing

SUFFIX = ".seconds"


def write_seconds(preprocessed: Path, seconds: float) -> None:
    """Write the seconds of a preprocessed case, whole or not at all."""
    with replacing(preprocessed.with_suffix(SUFFIX), shared=True) as temporary:
        temporary.write_text(f"{seconds:.3f}\n", encoding="utf-8")


def read_seconds(preprocessed: Path) -> float | None:
    """The seconds of a preprocessed case; None where they are not known, as for a case of an earlier version."""
    try:
        seconds = float(preprocessed.with_suffix(SUFFIX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
