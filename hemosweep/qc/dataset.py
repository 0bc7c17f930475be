"""The check of a whole data set."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from hemosweep.data.case import Case
from hemosweep.data.folds import MIN_PATIENTS
from hemosweep.data.parallel import map_cases
from hemosweep.qc.between import (
    duplicate_problems,
    missing_angiography_problems,
    outlier_problems,
    shared_patient_problems,
    thin_slice_problems,
)
from hemosweep.qc.case import examine
from hemosweep.qc.problem import SEVERITIES, CheckReport, named
from hemosweep.qc.table import read_table, unlisted_folders
from hemosweep.qc.twins import twin_problems
from hemosweep.sweeps.base import profile


def check_dataset(
    data: Path, *, lesion_label: int | None = None, jobs: int, progress: Callable[[int, int], None]
) -> CheckReport:
    """Find every problem of a data set; the report does not depend on `jobs`.

    Args:
        lesion_label: the value of the lesion in its masks; None wants masks of zeros and ones.
        jobs: cases read at the same time, each in a process of its own; 1 reads them here.
        progress: called with the number of cases done and of all cases.

    Raises:
        BadInput: the folder is no data set: no folder, or no table that lists a case.
        HemosweepError: a process was killed.
    """
    cases, table_problems = read_table(data)
    examined = map_cases(partial(examine, lesion_label=lesion_label), cases, jobs=jobs, progress=progress)
    case_problems = [problem for one in examined for problem in one.problems]
    case_problems += [
        *duplicate_problems(examined),
        *missing_angiography_problems(examined),
        *outlier_problems(examined),
    ]
    place = {case.case_id: index for index, case in enumerate(cases)}
    case_problems.sort(key=lambda problem: (place[problem.case_id], SEVERITIES.index(problem.severity)))
    problems = (
        *case_problems,
        *table_problems,
        *unlisted_folders(data, cases),
        *twin_problems(cases),
        *shared_patient_problems(examined),
        *thin_slice_problems(examined),
    )
    broken = {problem.case_id for problem in problems if problem.severity == "error"}
    return CheckReport(
        case_ids=tuple(case.case_id for case in cases),
        trainable_ids=tuple(one.case.case_id for one in examined if one.has_lesion and one.case.case_id not in broken),
        problems=problems,
        before_training=before_training([case for case in cases if case.case_id not in broken]),
    )


def before_training(cases: Sequence[Case]) -> tuple[str, ...]:
    """Reasons to refuse a sweep of these cases, though each of them can be used, one sentence each."""
    if not cases:
        return ()
    without = [case.case_id for case in cases if case.lesion_path is None]
    texts = []
    if without:
        texts.append(
            f"{len(without)} of {len(cases)} cases have no lesion mask ({named(without)}); it trains only if each "
            "has one: add them (hemosweep data import-masks), or take the rows out"
        )
    num_patients, num_folds = (
        len({case.patient_id for case in cases}),
        profile("paper").config.cross_validation.num_folds,
    )
    if num_patients < MIN_PATIENTS:
        texts.append(f"{num_patients} patients are too few for any folds; add some, {MIN_PATIENTS} at least")
    elif num_patients < num_folds:
        texts.append(
            f"{num_patients} patients are too few for the paper's {num_folds} folds; give --folds {num_patients}"
        )
    return tuple(texts)
