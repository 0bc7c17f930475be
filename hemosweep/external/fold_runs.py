"""Fold runs of external arms in an output folder: written, sealed, and found again."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hemosweep.data.nifti import write_volume
from hemosweep.digest import digest_json
from hemosweep.engine.index import FOLD_RUNS_NAME
from hemosweep.external.scoring import Predicted
from hemosweep.foldrun.external import ExternalArm, ExternalSpec, digest_of
from hemosweep.foldrun.journal import Journal, read_journal
from hemosweep.foldrun.scores import FoldScores, Row, read_scores, write_scores
from hemosweep.foldrun.seal import RECORDS, BrokenSeal, is_sealed, prediction_name, seal
from hemosweep.foldrun.spec import JOURNAL_NAME, is_external
from hemosweep.scores.recorded import RecordedMetric, in_common


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalReplicate:
    """An external arm with its fold runs, in the order of the folds."""

    of: ExternalArm
    specs: tuple[ExternalSpec, ...]

    @property
    def digest(self) -> str:
        """Name of the replicate, as that of any other (`engine.plan.Replicate`)."""
        return digest_json([spec.digest for spec in self.specs])

    def folders(self, out: Path) -> dict[str, Path]:
        """Folders of the fold runs, by digest."""
        return {spec.digest: out / FOLD_RUNS_NAME / spec.digest for spec in self.specs}

    def imported_at(self, out: Path) -> float:
        """Unix seconds of its import."""
        return min(float(read_journal(folder / JOURNAL_NAME)[0]["time"]) for folder in self.folders(out).values())

    def rows(self, out: Path) -> list[Row]:
        """Scores of its cases, with their patients.

        Raises:
            BrokenSeal: they are not those that were sealed.
        """
        patients = {case.case_id: case.patient_id for spec in self.specs for case in spec.test}
        scored = (row for folder in self.folders(out).values() for row in read_scores(folder).rows)
        return [row | {"patient_id": patients[row["case_id"]]} for row in scored]

    def metrics(self, out: Path) -> dict[str, RecordedMetric]:
        """Metrics of the scores."""
        return in_common([read_scores(folder).metrics for folder in self.folders(out).values()])


def write_replicate(
    out: Path,
    specs: Sequence[ExternalSpec],
    predicted: Mapping[str, Predicted],
    metrics: Mapping[str, RecordedMetric],
) -> ExternalReplicate:
    """Write the fold runs of an arm, each whole or not at all; those that are there stay.

    Args:
        predicted: the prediction of each test case, by case id.
        metrics: those of the scores.

    Raises:
        BrokenSeal: a fold run is there, and one of its files is another one.
    """
    for spec in specs:
        _write(out / FOLD_RUNS_NAME / spec.digest, spec, predicted, metrics)
    return ExternalReplicate(of=specs[0].of, specs=tuple(specs))


def _write(
    folder: Path, spec: ExternalSpec, predicted: Mapping[str, Predicted], metrics: Mapping[str, RecordedMetric]
) -> None:
    if is_sealed(folder, *RECORDS, owner=spec.digest):
        return
    staging = folder.with_name(f".tmp-{folder.name}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    journal = Journal(staging / JOURNAL_NAME)
    journal.write("imported", program=spec.of.program, version=spec.of.version, settings=spec.of.settings)
    spec.write(staging)
    rows = []
    for case in spec.test:
        result = predicted[case.case_id]
        write_volume(staging / prediction_name(case.case_id), result.mask, like=result.mask.file_grid)
        rows.append(result.row)
    write_scores(staging, FoldScores(rows=rows, metrics=metrics))
    journal.write("done", seconds=0.0)
    seal(staging, digest=spec.digest, seconds=0.0, test_case_ids=[c.case_id for c in spec.test], has_weights=False)
    shutil.rmtree(folder, ignore_errors=True)  # Without a seal: nothing of ours.
    staging.rename(folder)


def find_replicates(out: Path) -> tuple[ExternalReplicate, ...]:
    """The external arms of an output folder whose fold runs are all there and whole, the oldest first.

    They are found by the folders alone, which are the truth when a record is lost.
    """
    try:
        names = sorted(os.listdir(out / FOLD_RUNS_NAME))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    imported: dict[ExternalArm, list[ExternalSpec]] = {}
    for folder in (out / FOLD_RUNS_NAME / name for name in names if not name.startswith(".")):
        if is_external(folder) and _is_whole(folder):
            spec = ExternalSpec.read(folder)
            imported.setdefault(spec.of, []).append(spec)
    found = [
        ExternalReplicate(of=arm, specs=tuple(sorted(specs, key=lambda spec: spec.fold)))
        for arm, specs in imported.items()
        if digest_of({case_id: digest for spec in specs for case_id, digest in spec.predictions.items()})
        == arm.predictions
    ]
    return tuple(sorted(found, key=lambda replicate: replicate.imported_at(out)))


def _is_whole(folder: Path) -> bool:
    """True if a fold run is sealed and whole; `hemosweep verify` names what is not."""
    try:
        return is_sealed(folder, *RECORDS, owner=folder.name)
    except BrokenSeal:
        return False
