"""Time `hemosweep compare` as it is typed: two CSV files, two runs, and the seeds of two arms; print it as JSON.

    python tests/benchmarks/compare.py

The files have 76 cases, as the paper's data set. The runs lie in a store of 200 arms, each in 5 folds of 12 epochs,
which the tracker writes first (minutes; `--out` keeps the folder and takes it up again). Three of them are seeds of
`noise/baseline`, so that a comparison of two runs also reads these.

`s` is what the clock said, `cpu_s` what the process used of a processor, both the shortest of `--repeats`: the first of
all compiles Python files where none are. Importing scipy.stats alone is most of a comparison.
"""

import argparse
import json
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy

from hemosweep.engine.tracker import ReplicateInfo
from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.spec import DONE_NAME, JOURNAL_NAME, SCORES_NAME, write_json
from hemosweep.scores.table import CASE_COLUMNS
from hemosweep.tracking.recorder import Recorder

NUM_ARMS, NUM_FOLDS, NUM_EPOCHS, NUM_CASES = 200, 5, 12, 76
FACTS = {
    "dataset_digest": "data",
    "folds_digest": "folds",
    "metric_version": "2",
    "checkpoint_rule": "best validation loss",
    "source_digest": "source",
    "profile": "demo",
    "device_kind": "cpu",
}


def make_scores(rng: np.random.Generator, mean: float) -> pd.DataFrame:
    """A case table of one arm."""
    hard_N = np.random.default_rng(0).normal(0.0, 0.1, NUM_CASES)
    dsc_N = np.clip(mean + hard_N + rng.normal(0.0, 0.05, NUM_CASES), 0.0, 1.0)
    rows = [
        dict.fromkeys(CASE_COLUMNS, 0.5)
        | {
            "case_id": f"sub-{place:03}",
            "dsc": dsc,
            "fold": place % NUM_FOLDS,
            "ivh": "yes" if place < 27 else "no",
            "patient_id": "n/a",
        }
        for place, dsc in enumerate(dsc_N.tolist())
    ]
    return pd.DataFrame(rows)


def names() -> list[tuple[str, str, int]]:
    """Sweep, arm and seed of every run."""
    seeds = [
        (sweep, arm, seed)
        for sweep, arm in (("noise", "baseline"), ("loss", "focal"), ("loss", "dice_ce"))
        for seed in range(3)
    ]
    arms = ["24x24x8", "32x32x16", "48x48x24", *(f"arm{number}" for number in range(NUM_ARMS - len(seeds) - 3))]
    return [*seeds, *(("patchsize", arm, 0) for arm in arms)]


def write_fold(folder: Path, fold: int, digest: str, cases: pd.DataFrame) -> None:
    """A fold run's folder, as the training child leaves it."""
    folder.mkdir(parents=True)
    journal = Journal(folder / JOURNAL_NAME)
    journal.write("started", device="cpu", threads=1, precision="float32", torch="none")
    for epoch in range(1, NUM_EPOCHS + 1):
        journal.write("epoch", epoch=epoch, train_loss=1 / epoch, val_loss=1 / epoch, val_dsc=0.5, seconds=0.0)
    journal.write("stopped", reason="max_epochs", best_epoch=NUM_EPOCHS)
    tested = cases[cases["fold"] == fold].to_dict("records")
    write_json(folder / "spec.json", {"digest": digest, "test": [{"case_id": row["case_id"]} for row in tested]})
    write_json(folder / SCORES_NAME, tested)
    journal.write("done", seconds=0.0)
    write_json(folder / DONE_NAME, {"digest": digest, "seconds": 0.0})


def write_store(out: Path) -> None:
    """A store of `NUM_ARMS` arms, by the tracker itself."""
    rng = np.random.default_rng(1)
    recorder = Recorder(out)
    folders = out / "fold_runs"
    for number, (sweep, arm, seed) in enumerate(names()):
        cases = make_scores(rng, 0.75 + 0.0002 * number)
        info = ReplicateInfo(
            sweep=sweep,
            arm=arm,
            seed=seed,
            digest=f"{sweep}-{arm}-{seed}",
            run_name=f"{arm}@{seed}",
            config={"arm": arm},
            tags=FACTS,
            environment={"numpy": np.__version__},
        )
        run_id = recorder.begin_replicate(info)
        for fold in range(NUM_FOLDS):
            digest = f"{info.digest}-{fold}"
            write_fold(folders / digest, fold, digest, cases)
            recorder.record_fold(run_id, fold=fold, digest=digest, folder=folders / digest)
        recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")


def timed(command: Sequence[str], folder: Path, repeats: int) -> dict[str, float]:
    """The shortest time and processor time of a command, in seconds."""
    times_s = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        wall_s = time.perf_counter() - begun
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times_s.append((wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return {"s": round(min(wall for wall, _ in times_s), 2), "cpu_s": round(min(cpu for _, cpu in times_s), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="where the store is, or is made and kept")
    options = parser.parse_args()
    folder = options.out or Path(tempfile.mkdtemp())
    runs = folder / "runs"
    begun = time.perf_counter()
    if not runs.is_dir():
        write_store(folder / "half-written")
        (folder / "half-written").rename(runs)
    writing_s = time.perf_counter() - begun
    rng = np.random.default_rng(2)
    for name, mean in (("a.csv", 0.75), ("b.csv", 0.76)):
        make_scores(rng, mean).to_csv(folder / name, index=False)
    hemosweep = str(Path(sys.executable).with_name("hemosweep"))
    commands = {
        "two files": ["compare", "a.csv", "b.csv"],
        "two runs": ["compare", "patchsize/24x24x8", "patchsize/arm160"],
        "three seeds of two arms": ["compare", "loss/focal", "loss/dice_ce"],
        "a family of two comparisons": ["compare-all", "patchsize"],
        "list the runs": ["runs"],
    }
    report = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "num_arms": NUM_ARMS,
        "num_folds": NUM_FOLDS,
        "num_cases": NUM_CASES,
        "writing_the_store_s": round(writing_s),
        "import_scipy_stats": timed([sys.executable, "-c", "import scipy.stats"], folder, options.repeats),
        "commands": {
            name: timed([hemosweep, *arguments], folder, options.repeats) for name, arguments in commands.items()
        },
    }
    print(json.dumps(report, indent=1))
    if options.out is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
