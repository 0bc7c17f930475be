"""The files of cases, found by their names: `sub-01/ct/sub-01_ct.nii.gz`, `P01_ct.nii`, `P01_seg.nii`, `P01/ct.nii`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hemosweep.data.image_names import NIFTI_SUFFIXES
from hemosweep.data.manifest import IVH_SUFFIX, LESION_SUFFIX
from hemosweep.ids import canonical_id

WORDS = {
    "ct": ("ct", "ncct", "image", "img", "scan"),
    "cta": ("cta",),
    IVH_SUFFIX: ("label-ivh_mask", "ivh_mask", "ivh-mask", "ivh_seg", "ivh"),
    LESION_SUFFIX: (
        *("label-lesion_mask", "lesion_mask", "lesion-mask", "lesion_seg", "lesion"),
        *("ich_mask", "ich_seg", "hematoma", "segmentation", "seg", "mask", "label"),
    ),
}
"""Words at the end of a file's name, for each file of a case; the first is the name that a data set has."""
_KINDS = {word: kind for kind, words in WORDS.items() for word in words}
_NAME = re.compile(
    rf"(?P<case>.*?)[_\-. ]*(?<![A-Za-z0-9])(?P<word>{'|'.join(sorted(_KINDS, key=len, reverse=True))})", re.IGNORECASE
)
_BIDS_SCAN = re.compile(r"(?P<patient>sub-[^_]+)(?:_[a-z]+-[^_]+)+")
_SCAN = re.compile(r"(?P<patient>.+?)[_\- ](?:ses|run|visit|scan|day|tp|t)[_\-]?\d+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedCase:
    """A case and its files by their names in a data set (`ct`, `cta`, and the masks), each with all that may be it,
    the likeliest first."""

    case_id: str
    files: Mapping[str, Sequence[Path]] = field(default_factory=dict)

    @property
    def patient(self) -> str:
        """Patient as the name says: scans that differ by session, run or time are of one."""
        match = _BIDS_SCAN.fullmatch(self.case_id) or _SCAN.fullmatch(self.case_id)
        return match["patient"] if match else self.case_id


def cases_by_name(data: Path, paths: Iterable[Path]) -> tuple[tuple[NamedCase, ...], tuple[Path, ...]]:
    """Cases that have a CT, by their ids, and the files that belong to none of them."""
    found: dict[str, dict[str, list[tuple[int, Path]]]] = {}
    bare: dict[str, Path] = {}
    for path in paths:
        stem = _stem(path)
        if stem is None:
            continue
        match = _NAME.fullmatch(stem)
        if match is None:
            bare[canonical_id(stem)] = path
            continue
        case_id = match["case"] or (path.parent.name if path.parent != data else "")
        if case_id:
            word = match["word"].lower()
            kind = _KINDS[word]
            found.setdefault(canonical_id(case_id), {}).setdefault(kind, []).append((WORDS[kind].index(word), path))
    for case_id, path in bare.items():  # `P01.nii.gz` beside `P01_seg.nii.gz`
        if case_id in found and "ct" not in found[case_id]:
            found[case_id]["ct"] = [(0, path)]
    cases = tuple(
        NamedCase(case_id=name, files={kind: [path for _, path in sorted(files)] for kind, files in kinds.items()})
        for name, kinds in sorted(found.items())
        if "ct" in kinds
    )
    taken = {path for case in cases for files in case.files.values() for path in files}
    return cases, tuple(path for path in paths if path not in taken)


def _stem(path: Path) -> str | None:
    suffix = next((suffix for suffix in NIFTI_SUFFIXES if path.name.lower().endswith(suffix)), None)
    return None if suffix is None else path.name[: -len(suffix)]
