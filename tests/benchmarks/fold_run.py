"""Time one fold run of the patch-size study's middle arm on phantoms, and print what it took as JSON.

    python tests/benchmarks/fold_run.py --profile paper --cases 76 --epochs 3

Makes the phantoms, preprocesses them, and trains fold 0 through the same child process that a sweep uses.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from hemosweep.config import ArmConfig
from hemosweep.data.case import Case
from hemosweep.data.folds import draw_folds
from hemosweep.data.nifti import write_volume
from hemosweep.environment import num_processors
from hemosweep.executors.local import LocalExecutor
from hemosweep.foldrun.journal import read_journal
from hemosweep.foldrun.spec import DONE_NAME, JOURNAL_NAME, LOG_NAME, SCORES_NAME, CaseInput, FoldRunSpec
from hemosweep.phantom.case import make_phantom
from hemosweep.preprocessing.pipeline import preprocess_case
from hemosweep.preprocessing.record import save_preprocessed
from hemosweep.sweeps.base import profile


def make_case(index: int, folder: Path, size: str, config: ArmConfig) -> tuple[Case, Path]:
    """One phantom on disk and preprocessed."""
    phantom = make_phantom(index, size=size, seed=0, cta_share=0.0)
    case = Case(
        case_id=f"sub-{index:03d}",
        patient_id=f"P{index:03d}",
        ivh=phantom.ivh is not None,
        ct_path=folder / f"{index}_ct.nii.gz",
        lesion_path=folder / f"{index}_lesion.nii.gz",
    )
    write_volume(case.ct_path, phantom.ct)
    write_volume(case.lesion_path, phantom.lesion)
    path = folder / f"{index}.npz"
    save_preprocessed(preprocess_case(case, config.preprocessing), path)
    return case, path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="demo")
    parser.add_argument("--cases", type=int, default=18)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    base = profile(options.profile).config
    config = replace(base, training=replace(base.training, max_epochs=options.epochs))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        begun = time.perf_counter()
        with ProcessPoolExecutor(num_processors()) as pool:
            make = partial(make_case, folder=folder, size=options.profile, config=config)
            made = list(pool.map(make, range(options.cases)))
        prepare_s = time.perf_counter() - begun
        inputs = {c.case_id: CaseInput(case_id=c.case_id, ivh=c.ivh_text, path=str(path)) for c, path in made}
        fold = draw_folds([case for case, _ in made], config.cross_validation)[0]
        spec = FoldRunSpec(
            digest="benchmark",
            config=config,
            seed=0,
            fold=0,
            train=tuple(inputs[name] for name in fold.train),
            validation=tuple(inputs[name] for name in fold.validation),
            test=tuple(inputs[name] for name in fold.test),
        )
        run = folder / "run"
        spec.write(run)
        executor = LocalExecutor()
        executor.start(run)
        while not (ended := executor.wait(60.0)):
            pass
        if ended[0].failure is not None:
            sys.exit(f"{ended[0].failure}\n{(run / LOG_NAME).read_text()}")
        events = read_journal(run / JOURNAL_NAME)
        started = next(event for event in events if event["event"] == "started")
        epochs = [event for event in events if event["event"] == "epoch"]
        tested = [event["seconds"] for event in events if event["event"] == "tested"]
        dsc = [case["dsc"] for case in json.loads((run / SCORES_NAME).read_text())]
        report = {
            "device": started["device"],
            "precision": started["precision"],
            "torch": torch.__version__,
            "profile": options.profile,
            "cases": {"train": len(spec.train), "validation": len(spec.validation), "test": len(spec.test)},
            "patches_per_epoch": len(spec.train) * config.sampling.num_patches_per_case,
            "prepare_s": round(prepare_s, 1),
            "epoch_s": [round(event["seconds"], 2) for event in epochs],
            "val_loss": [round(event["val_loss"], 4) for event in epochs],
            "patient_s": round(statistics.median(tested), 2),
            "fold_run_s": round(json.loads((run / DONE_NAME).read_text())["seconds"], 1),
            "dsc_mean": round(statistics.fmean(dsc), 4),
            "dsc": [round(value, 3) for value in dsc],
        }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
