"""`hemosweep data export-nnunet` and `export-mist`: a data set for another program, with our folds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.config import CrossValidationConfig
from hemosweep.data.manifest import read_manifest
from hemosweep.environment import num_processors
from hemosweep.external.export import Export, export_data_set
from hemosweep.external.mist import MIST
from hemosweep.external.nnunet import NNUNET, check_number, dataset_folder
from hemosweep.external.program import Program
from hemosweep.files import check_writable
from hemosweep.report.terminal.progress import progress_bar


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportResult:
    """An export to a program."""

    export: Export
    program: Program

    @property
    def failures(self) -> dict[str, str]:
        return dict(self.export.failures or {})

    def as_json(self) -> dict[str, Any]:
        manifest = self.export.manifest
        return {
            "folder": str(self.export.folder),
            "program": self.program.title,
            "num_cases": len(manifest.names),
            "num_folds": len(manifest.folds),
            "dataset_digest": manifest.dataset_digest,
            "failures": self.failures,
        }

    def as_lines(self, *, styled: bool = False) -> list[str]:
        """Place of the export, then how the program trains on it."""
        export = self.export
        if export.failures:
            return [f"not exported: {len(export.failures)} of {len(export.manifest.names)} cases cannot be used"]
        counted = f"{len(export.manifest.names)} cases in {len(export.manifest.folds)} folds"
        done = "is there already, whole" if export.was_there else "written"
        return [
            f"{export.folder}: {counted} for {self.program.title}, {done}",
            *self.program.next_lines(export.manifest, export.folder),
        ]

    def warning_lines(self) -> list[str]:
        num = self.export.num_sheared
        renamed = sum(case_id != name for case_id, name in self.export.manifest.names.items())
        lines = []
        if num and self.program is MIST:
            lines.append(f"{num} cases have a tilted gantry's grid, which MIST's reader refuses: it leaves them out")
        if renamed:
            lines.append(f"{renamed} cases have another name there, as theirs is not safe as a file name everywhere")
        return lines


def export_nnunet(
    data: str | Path,
    to: str | Path,
    *,
    dataset_id: int = 501,
    folds: int | None = None,
    fold_seed: int | None = None,
    lesion_label: int | None = None,
    jobs: int | None = None,
) -> ExportResult:
    """Write a data set as nnU-Net's raw data, with our folds as its splits.

    Args:
        to: folder of raw data sets, nnU-Net's `nnUNet_raw`.
        dataset_id: nnU-Net's number of the data set.
        folds: number of folds; by default the paper's. It must be that of the sweep.
        fold_seed: seed that draws the folds; by default that of the sweeps.
        lesion_label: the lesion's value in the masks.
        jobs: cases at once; one a processor by default.

    Raises:
        BadInput: the data set cannot be used, or the place holds something else.
    """
    to = Path(to)
    name = dataset_folder(dataset_id)
    check_number(to, name)
    return _export(data, to / name, NNUNET, folds, fold_seed, lesion_label, jobs)


def export_mist(
    data: str | Path,
    to: str | Path,
    *,
    folds: int | None = None,
    fold_seed: int | None = None,
    lesion_label: int | None = None,
    jobs: int | None = None,
) -> ExportResult:
    """Write a data set as MIST's, with our folds as its `train_paths.csv`. Arguments and errors as `export_nnunet`, but
    `to` is the folder of this data set."""
    return _export(data, Path(to), MIST, folds, fold_seed, lesion_label, jobs)


def _export(
    data: str | Path,
    folder: Path,
    program: Program,
    folds: int | None,
    fold_seed: int | None,
    lesion_label: int | None,
    jobs: int | None,
) -> ExportResult:
    default = CrossValidationConfig()
    config = CrossValidationConfig(
        num_folds=default.num_folds if folds is None else folds,
        fold_seed=default.fold_seed if fold_seed is None else fold_seed,
    )
    check_writable("--to", folder)
    with progress_bar("exporting cases") as progress:
        export = export_data_set(
            read_manifest(Path(data)),
            folder,
            program,
            config,
            lesion_label=lesion_label,
            jobs=num_processors() if jobs is None else jobs,
            progress=progress,
        )
    return ExportResult(export=export, program=program)
