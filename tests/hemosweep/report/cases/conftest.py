import numpy as np
import pandas as pd
import pytest

from hemosweep.data.case import Case
from hemosweep.report.cases.facts import CasePageFacts, PageArm, PagePair
from hemosweep.report.slices.pairs import PairArm
from hemosweep.scores.catalogue import DSC
from tests.hemosweep.report.heads import boxed, head, write

SHAPE_DHW = (8, 40, 48)
LESION = (slice(3, 6), slice(16, 26), slice(14, 26))
"""At the patient's left of the middle by the array, which is at the picture's right."""


SPACING_WHD_MM = (2.0, 2.0, 5.0)


@pytest.fixture
def make_case(tmp_path):
    """A head with a box of blood; slices 0 and 7 are air. The lesion and the IVH are boxes, or empty for None."""

    def make(case_id, *, lesion=LESION, ivh=()):
        hu_DHW = head(SHAPE_DHW, (slice(1, 7), slice(3, 37), slice(5, 43)), LESION)
        hu_DHW += np.random.default_rng(0).normal(0, 5, SHAPE_DHW).astype(np.float32)
        folder = tmp_path / "data" / case_id.encode().hex()
        return Case(
            case_id=case_id,
            patient_id=f"patient of {case_id}",
            ivh=bool(ivh),
            ct_path=write(folder / "ct.nii.gz", hu_DHW, SPACING_WHD_MM),
            lesion_path=write(folder / "lesion.nii.gz", boxed(SHAPE_DHW, lesion), SPACING_WHD_MM),
            ivh_path=write(folder / "ivh.nii.gz", boxed(SHAPE_DHW, ivh), SPACING_WHD_MM) if ivh else None,
        )

    return make


@pytest.fixture
def make_training(tmp_path):
    """A training with scores by case, and predictions in boxes by case; a case without a box has no prediction."""

    def make(name, scores, boxes=None, **columns):
        folder = tmp_path / "fold_runs" / name.encode().hex()
        for case_id, box in (boxes or {}).items():
            write(folder / "predictions" / f"{case_id}.nii.gz", boxed(SHAPE_DHW, box), SPACING_WHD_MM)
        rows = [
            {"case_id": case_id, "dsc": dsc, "fold": 0, "ivh": "no", "reference_ml": 3.6} | columns
            for case_id, dsc in scores.items()
        ]
        table = pd.DataFrame(rows).astype({"dsc": float})
        return PairArm(name=name.partition("/")[2] or "seed 0", cases=table, fold_folders={0: folder})

    return make


@pytest.fixture
def make_facts():
    def make(arms, cases, pairs=None, **others):
        names = list(arms)
        declared = pairs if pairs is not None else [(names[0], names[1])]
        values = {
            "sweep": "se",
            "question": "Better?",
            "metric": DSC,
            "arms": tuple(
                PageArm(name=name, missing=trainings)
                if isinstance(trainings, str)
                else PageArm(name=name, trainings=tuple(trainings))
                for name, trainings in arms.items()
            ),
            "pairs": tuple(
                PagePair(a=a, b=b, verdict="no evidence", mean_diff=0.1, ci95=(-0.1, 0.3)) for a, b in declared
            ),
            "cases": cases if isinstance(cases, str) else {case.case_id: case for case in cases},
        }
        return CasePageFacts(**values | others)

    return make
