"""Measure what a report of the whole study costs, on runs that were never trained; print it as JSON.

    python tests/benchmarks/report.py [CASES]

Every arm of every ablation is written into a store as the driver does, with scores drawn at random for 18 cases (the
demo's number) or as many as asked for. Predictions there are none, so that no cases are drawn; for these give a real
folder of results: `time hemosweep report --out OUT`.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pandas as pd

from hemosweep.ablation.catalogue import find_sweep, sweep_names
from hemosweep.scores.table import CASE_COLUMNS
from hemosweep.sweeps.base import profile
from tests.recorded import Book


def case_table(num_cases: int, rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        dict.fromkeys(CASE_COLUMNS, 0.5)
        | {
            "case_id": f"sub-{number:03}",
            "dsc": float(rng.beta(8, 2)),
            "fold": number % 3,
            "ivh": "yes" if number % 6 == 0 else "no",
            "patient_id": "n/a",
        }
        for number in range(num_cases)
    ]
    return pd.DataFrame(rows)


def write_study(out: Path, num_cases: int) -> int:
    rng = np.random.default_rng(0)
    book = Book(out)
    for name in sweep_names():
        sweep = find_sweep(name)
        for arm in sweep.arms(profile("demo").config):
            for seed in range(sweep.num_seeds):
                book.write(f"{name}/{arm.name}@{seed}", case_table(num_cases, rng))
    return len(book.ids)


def main() -> None:
    num_cases = int(sys.argv[1]) if len(sys.argv) > 1 else 18
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "runs"
        num_runs = write_study(out, num_cases)
        wall, cpu = time.perf_counter(), time.process_time()
        from hemosweep.workflows.report import make_report

        result = make_report(out, (), to=None, data=None)
        measured = {
            "cases": num_cases,
            "runs": num_runs,
            "figures": len(result.figures),
            "page_mb": round((result.folder / "index.html").stat().st_size / 1e6, 1),
            "wall_s": round(time.perf_counter() - wall, 1),
            "cpu_s": round(time.process_time() - cpu, 1),
            "processors": len(os.sched_getaffinity(0)),
        }
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
