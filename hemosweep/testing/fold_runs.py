"""Fold runs that train in milliseconds: five cases of 8 x 12 x 12 voxels, and a network two channels wide."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hemosweep.arrays import Shape
from hemosweep.foldrun.scores import FoldScores, Row, write_scores
from hemosweep.foldrun.seal import prediction_name, seal
from hemosweep.foldrun.spec import JOURNAL_NAME, WEIGHTS_NAME, CaseInput, FoldRunSpec
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase, save_preprocessed
from hemosweep.sweeps.base import demo

SHAPE_DHW: Shape = (8, 12, 12)
TRAIN, VALIDATION, TEST = ("a", "b"), ("c",), ("d", "e")
CASE_IDS = (*TRAIN, *VALIDATION, *TEST)


def write_fold_run(folder: Path, **training: Any) -> FoldRunSpec:
    """Write the folder of a fold run, named like the folder, and beside it the cases that it reads.

    Args:
        training: fields of its training configuration, such as `max_epochs`.
    """
    config = demo().config
    config = replace(
        config,
        sampling=replace(config.sampling, patch_HWD=(4, 4, 4), num_patches_per_case=8),
        network=SEUNet3D(width=2),
        inference=replace(config.inference, overlap=0.4),
        training=replace(config.training, **({"batch_size": 4, "max_epochs": 5} | training)),
    )
    train, validation, test = (
        tuple(_case_input(folder.parent / "cases", case_id) for case_id in part) for part in (TRAIN, VALIDATION, TEST)
    )
    spec = FoldRunSpec(digest=folder.name, config=config, seed=0, fold=0, train=train, validation=validation, test=test)
    spec.write(folder)
    return spec


def seal_untrained(folder: Path, rows: Sequence[Row], *, seconds: float = 1.0) -> None:
    """Leave the result of a fold run without training it: scores, empty files of weights and predictions, and the seal.

    The spec must be there; a journal is made where there is none.
    """
    spec = FoldRunSpec.read(folder)
    for name in (WEIGHTS_NAME, *(prediction_name(row["case_id"]) for row in rows)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (folder / JOURNAL_NAME).touch()
    write_scores(folder, FoldScores(rows=rows))
    seal(folder, digest=spec.digest, seconds=seconds, test_case_ids=[row["case_id"] for row in rows])


def _case_input(folder: Path, case_id: str) -> CaseInput:
    path = folder / f"{case_id}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_preprocessed(tiny_case(case_id), path)
    return CaseInput(case_id=case_id, ivh="no", path=str(path.resolve()))


def tiny_case(case_id: str) -> PreprocessedCase:
    """One of `CASE_IDS`: a cube of 4 x 4 x 4 bright lesion voxels in noisy brain, at another place in every case."""
    rng = np.random.default_rng(CASE_IDS.index(case_id))
    z, y, x = (int(rng.integers(1, size - 5)) for size in SHAPE_DHW)
    lesion_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    lesion_DHW[z : z + 4, y : y + 4, x : x + 4] = True
    brain_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    brain_DHW[:, 1:-1, 1:-1] = True
    image_DHW = np.where(lesion_DHW, 0.6, 0.0) + rng.normal(0.0, 0.2, SHAPE_DHW)
    image_DHW = np.where(brain_DHW, image_DHW.clip(-1.0, 1.0), -1.0)
    spacing_DHW_mm = (10.0, 10.0, 10.0)
    return PreprocessedCase(
        case_id=case_id,
        image_CDHW=image_DHW[None].astype(np.float16),
        brain_DHW=brain_DHW,
        lesion_DHW=lesion_DHW,
        reference_DHW=lesion_DHW,
        affine=np.diag([10.0, 10.0, 10.0, 1.0]),
        spacing_DHW_mm=spacing_DHW_mm,
        native_spacing_DHW_mm=spacing_DHW_mm,
        grid=Grid(native_DHW=SHAPE_DHW, full_DHW=SHAPE_DHW, crop_start_DHW=(0, 0, 0), crop_DHW=SHAPE_DHW),
    )
