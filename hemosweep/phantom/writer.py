"""A phantom data set on disk."""

import csv
import io
import json
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hemosweep.data.manifest import TABLE_NAME
from hemosweep.data.nifti import write_volume
from hemosweep.data.parallel import process_pool
from hemosweep.errors import BadInput
from hemosweep.files import write_text
from hemosweep.phantom.case import CTA_SHARE, IVH_SHARE, check_request, has_ivh, make_phantom

DESCRIPTION = "dataset_description.json"
PARTICIPANT_COLUMNS = ("participant_id", "patient_id", "ivh", "centre", "lesion_type")


def write_phantom(
    out: Path,
    *,
    num_cases: int,
    size: str,
    seed: int,
    ivh_share: float = IVH_SHARE,
    cta_share: float = CTA_SHARE,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a phantom data set into the folder `out`; the same request gives the same bytes, whatever `jobs` is.

    `participants.tsv` comes last, so that a killed run is not taken for a data set. The request is recorded in
    `dataset_description.json`: asked for again, a complete data set is left as it is and an unfinished one is finished.
    `progress` is called with the number of cases done and `num_cases` after every case.

    Raises:
        BadInput: an impossible request, or `out` holds something else.
    """
    check_request(size=size, seed=seed, ivh_share=ivh_share, cta_share=cta_share)
    if num_cases < 1 or jobs < 1:
        raise BadInput(f"cases {num_cases}, jobs {jobs}: both must be at least 1")
    request = {
        "cases": num_cases,
        "size": size,
        "seed": seed,
        "ivh_share": ivh_share,
        "cta_share": cta_share,
        "hemosweep": _version(),
    }
    if _is_complete(out, request):
        return
    out.mkdir(parents=True, exist_ok=True)
    description = {
        "Name": f"hemosweep phantom: {num_cases} procedural head CTs, size {size}, seed {seed}",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "hemosweep", "Version": _version()}],
        "Phantom": request,
    }
    write_text(out / DESCRIPTION, json.dumps(description, indent=2) + "\n")
    tasks = [(out, index, size, seed, ivh_share, cta_share) for index in range(num_cases)]
    lesion_types = []
    if jobs == 1:
        for task in tasks:
            lesion_types.append(_write_case(*task))
            if progress:
                progress(len(lesion_types), num_cases)
    else:
        with process_pool(min(jobs, num_cases)) as submit:
            for case in [submit(partial(_write_case, *task)) for task in tasks]:
                lesion_types.append(case.result())
                if progress:
                    progress(len(lesion_types), num_cases)
    lines = io.StringIO()
    table = csv.writer(lines, delimiter="\t", lineterminator="\n")
    table.writerow(PARTICIPANT_COLUMNS)
    for index, lesion_type in enumerate(lesion_types):
        ivh = "yes" if has_ivh(index, ivh_share) else "no"
        table.writerow((_case_id(index), f"PH{index + 1:03d}", ivh, "phantom", lesion_type))
    write_text(out / TABLE_NAME, lines.getvalue())


def _case_id(index: int) -> str:
    return f"sub-{index + 1:03d}"


def _write_case(out: Path, index: int, size: str, seed: int, ivh_share: float, cta_share: float) -> str:
    """Write the files of one case and return its lesion type."""
    case = make_phantom(index, size=size, seed=seed, ivh_share=ivh_share, cta_share=cta_share)
    folder = out / _case_id(index) / "ct"
    for volume, suffix in (
        (case.ct, "ct"),
        (case.lesion, "label-lesion_mask"),
        (case.ivh, "label-ivh_mask"),
        (case.cta, "cta"),
    ):
        if volume is not None:
            write_volume(folder / f"{_case_id(index)}_{suffix}.nii.gz", volume)
    return case.lesion_type


def _is_complete(out: Path, request: dict[str, object]) -> bool:
    """True if `out` already holds the requested data set; refuses a folder that holds anything else."""
    if not out.exists():
        return False
    if not out.is_dir():
        raise BadInput(f"{out}: is a file; name a new folder")
    if not any(out.iterdir()):
        return False
    try:
        existing = json.loads((out / DESCRIPTION).read_text(encoding="utf-8"))["Phantom"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{out}: holds files that are no phantom data set; name a new or empty folder") from None
    if existing != request:
        raise BadInput(f"{out}: holds another phantom data set ({existing}); name a new folder or delete it")
    return (out / TABLE_NAME).is_file()


def _version() -> str:
    try:
        return version("hemosweep")
    except PackageNotFoundError:
        return "unknown"
