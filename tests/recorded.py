"""Runs in an MLflow store, written by the tracker itself, with scores as the tests of comparisons need them."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from hemosweep.engine.tracker import ReplicateInfo
from hemosweep.runs import RunRecord, RunsInMemory
from hemosweep.scores.table import CASE_COLUMNS, NUMBER_COLUMNS
from hemosweep.tracking.recorder import Recorder

FACTS = {
    "dataset_digest": "data",
    "folds_digest": "folds",
    "metric_digests": json.dumps({name: f"{name} now" for name in NUMBER_COLUMNS}),
    "checkpoint_rule": "best validation loss",
    "source_digest": "source",
    "profile": "demo",
    "device_kind": "cpu",
}
IDS = [f"{number:03}" for number in range(1, 9)]
SMALL = [0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85]
STEPS = [0.05, 0.02, 0.08, 0.01, 0.06, 0.03, 0.09, -0.02]
MIDDLE = [round(value + step, 3) for value, step in zip(SMALL, STEPS, strict=True)]
FURTHER = [0.01, -0.02, 0.03, 0.02, -0.04, 0.02, 0.0, 0.02]
LARGE = [round(value + step, 3) for value, step in zip(MIDDLE, FURTHER, strict=True)]
# Four folds of two cases carry a claim: SMALL to CLEAR is better by 0.06 in each, SMALL to MIDDLE is not shown.
FOUR_FOLDS = [0, 0, 1, 1, 2, 2, 3, 3]
CLEAR_STEPS = [0.05, 0.07, 0.06, 0.04, 0.07, 0.05, 0.06, 0.08]
CLEAR = [round(value + step, 3) for value, step in zip(SMALL, CLEAR_STEPS, strict=True)]
# The mean score of each of three seeds, less that of the first.
SEEDS = (0.0, 0.004, -0.002)


def shifted(scores, by, zigzag=0.0):
    """Every score a little higher, every other one by more."""
    return [round(value + by + zigzag * (-1) ** place, 6) for place, value in enumerate(scores)]


def healthy(dsc, volume_ml):
    """A case table in which the reference of the second and third case is empty, and the second has false positives."""
    table = cases(dsc)
    table.loc[1:2, ["dsc", "reference_ml", "false_positive_ml"]] = [[math.nan, 0.0, volume_ml], [math.nan, 0.0, 0.0]]
    return table


def cases(dsc, folds=None):
    """A case table; cases take turns in two folds, the first four have IVH, and HD95 counts up from 0 mm."""
    rows = [
        dict.fromkeys(CASE_COLUMNS, 0.5)
        | {
            "case_id": case_id,
            "dsc": value,
            "fold": place % 2 if folds is None else folds[place],
            "ivh": "yes" if place < 4 else "no",
            "patient_id": "n/a",
            "hd95_mm": float(place),
        }
        for place, (case_id, value) in enumerate(zip(IDS, dsc, strict=True))
    ]
    return pd.DataFrame(rows)


def in_memory(tables, *, place="runs", configs=None, seconds=None, **facts):
    """Finished runs by SWEEP/ARM@SEED, each with its case table, oldest first; `facts` are those that all have, and
    `seconds` the time of each training.

    A table may be a pair of a table and facts of its own.
    """
    records, rows, own_configs = [], {}, {}
    for number, (name, table) in enumerate(tables.items()):
        table, own = table if isinstance(table, tuple) else (table, {})
        place_name, _, seed = name.partition("@")
        sweep, _, arm = place_name.partition("/")
        tags = {f"hemosweep.{key}": value for key, value in (FACTS | facts | own).items()}
        record = RunRecord(
            run_id=f"{number:032x}",
            sweep=sweep,
            arm=arm,
            seed=int(seed),
            run_name=f"{arm}@{seed}",
            status="FINISHED",
            dsc_mean=None,
            dsc_std=None,
            digest=name,
            start_time=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
            tags=tags,
            train_seconds=seconds,
        )
        records.append(record)
        rows[record.run_id] = [
            {key: None if value != value else value for key, value in row.items()} for row in table.to_dict("records")
        ]
        own_configs[record.run_id] = (configs or {}).get(name, {"arm": arm})
    return RunsInMemory(place=place, runs=tuple(records), rows=rows, configs=own_configs)


class Book:
    """Writes runs into a store as the driver does; `ids` are theirs by SWEEP/ARM@SEED."""

    def __init__(self, out):
        self.out = out
        self.recorder = Recorder(out)
        self.ids = {}

    def write(self, name, table, *, alias=None, config=None, status="FINISHED", digest=None, environment=None, **facts):
        """`alias` is what `ids` calls one of several runs of the same name."""
        place, _, seed = name.partition("@")
        sweep, _, arm = place.partition("/")
        info = ReplicateInfo(
            sweep=sweep,
            arm=arm,
            seed=int(seed),
            digest=digest or alias or name,
            run_name=f"{arm}@{seed}",
            config=config or {"arm": arm},
            tags={key: value for key, value in (FACTS | facts).items() if value is not None},
            environment={"numpy": "2.4.6"} | (environment or {}),
        )
        run_id = self.recorder.begin_replicate(info)
        if status == "FINISHED":
            self.recorder.finish_replicate(run_id, cases=table, figures={}, status=status)
        else:
            self.recorder.interrupt()
        self.ids[alias or name] = run_id


@dataclass(frozen=True)
class Recorded:
    """An output folder with runs in it, and their ids by SWEEP/ARM@SEED."""

    out: Path
    ids: dict[str, str]


def record(out):
    """Runs for every case of a comparison."""
    book = Book(out)
    for arm, scores in (("24x24x8", SMALL), ("32x32x16", MIDDLE), ("48x48x24", LARGE)):
        book.write(f"patchsize/{arm}@0", cases(scores))
    for seed, by in enumerate([0.0, 0.03, -0.01]):
        book.write(f"loss/focal@{seed}", cases(shifted(SMALL, by)), digest=f"shared {seed}")
        book.write(f"loss/dice_ce@{seed}", cases(shifted(MIDDLE, by, 0.01)))
        book.write(f"noise/baseline@{seed}", cases(shifted(SMALL, by)), digest=f"shared {seed}")
    # Of these seeds one was trained otherwise, and one is not done.
    book.write("sampling/brain@0", cases(SMALL))
    book.write("sampling/brain@1", cases(MIDDLE), config={"arm": "another"})
    book.write("sampling/brain@2", cases(MIDDLE), status="KILLED")
    book.write("sampling/brain+lesion@0", cases(LARGE))
    book.write("sampling/brain+lesion@1", cases(shifted(MIDDLE, 0.01, 0.02)))
    book.write("sampling/brain+lesion+center@0", cases(LARGE))
    for fact in ("dataset_digest", "folds_digest", "metric_digests", "checkpoint_rule"):
        book.write(f"gate/{fact}@0", cases(MIDDLE), **{fact: "another"})
    book.write("gate/silent@0", cases(MIDDLE), checkpoint_rule=None)
    book.write("gate/moved@0", cases(MIDDLE, folds=[0, 1, 0, 1, 0, 1, 1, 0]))
    book.write("gate/newer@0", cases(MIDDLE), source_digest="newer", device_kind="cuda", environment={"numpy": "2.5.0"})
    book.write("gate/other_newer@0", cases(LARGE), source_digest="newer")
    book.write("gate/devices@0", cases(MIDDLE), device_kind="cuda", environment={"numpy": "2.5.0"})
    book.write("gate/devices@1", cases(shifted(MIDDLE, 0.01)))
    for seed, volume_ml in enumerate((1.5, 3.5)):
        book.write(f"gate/healthy@{seed}", healthy(MIDDLE, volume_ml))
    for seed, by in enumerate(SEEDS):
        book.write(f"gate/steady@{seed}", cases(shifted(SMALL, by), FOUR_FOLDS))
        book.write(f"gate/clear@{seed}", cases(shifted(CLEAR, -by, 0.001 * seed), FOUR_FOLDS))
    book.write("gate/subset@0", cases(MIDDLE).iloc[:5])
    book.write("patchsize/retried@0", cases(SMALL), alias="whole")
    some = cases(SMALL).iloc[1::2]
    book.write("patchsize/retried@0", some, alias="some", folds_digest="fold 1", subset="folds 1 of 2 only")
    book.write("patchsize/retried@0", cases(SMALL), alias="begun", status="KILLED")
    for seed in range(2):
        book.write(f"patchsize/tried@{seed}", cases(shifted(SMALL, 0.01 * seed)))
    book.write("patchsize/tried@2", some, folds_digest="fold 1", subset="folds 1 of 2 only")
    book.write("angio/ncct@0", cases(MIDDLE))
    book.write("angio/ncct+cta@0", cases(MIDDLE), dataset_digest="another")
    book.write("se/unet@0", cases(SMALL))
    return Recorded(out=out, ids=book.ids)
