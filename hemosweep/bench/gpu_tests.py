"""The tests of `tests/gpu`, run as a part of the benchmark on a machine with a GPU."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hemosweep.bench.rows import BenchRow, skipped

TESTS_S = 200
"""All of them together may take so long."""
TESTS = Path(__file__).parents[2] / "tests" / "gpu"


def gpu_tests(details: dict[str, Any]) -> Iterator[BenchRow]:
    """Number of them that pass."""
    if not TESTS.is_dir():
        yield from skipped([("GPU tests passed", "of all")], "only a source tree has them")
        return
    command = [sys.executable, "-m", "pytest", "-q", str(TESTS), f"--confcutdir={TESTS}", "-p", "no:cacheprovider"]
    try:
        output = subprocess.run(
            command, cwd=TESTS.parents[1], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TESTS_S
        ).stdout
    except subprocess.TimeoutExpired as error:
        output = (error.stdout or b"").decode(errors="replace") + f"\nended after {TESTS_S} s"
    lines = output.strip().splitlines() or ["no output"]
    details["tests"] = [line for line in lines if line.startswith(("FAILED", "ERROR"))] + lines[-1:]
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error)", lines[-1])}
    total = sum(counts.values())
    yield BenchRow(
        what="GPU tests passed",
        value=counts.get("passed", 0) if total else None,
        unit=f"of {total}",
        goal=total or None,
        note="" if total else lines[-1][:150],
    )
