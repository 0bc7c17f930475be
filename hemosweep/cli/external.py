"""Commands about other programs: a data set exported to nnU-Net or MIST."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hemosweep.cli.options import DataSet, Jobs, Json, LesionLabel, expanded, num_jobs, print_error, tell

if TYPE_CHECKING:
    from hemosweep.workflows.export import ExportResult

Folds = Annotated[int | None, typer.Option(help="Number of folds, that of the sweep. Default: the paper's.")]
FoldSeed = Annotated[int | None, typer.Option(help="Seed that draws the folds. Default: that of the sweeps.")]


def export_nnunet(
    data: DataSet,
    to: Annotated[Path, typer.Option(help="Folder of raw data sets, nnUNet_raw.", callback=expanded)],
    dataset_id: Annotated[int, typer.Option(help="nnU-Net's number of the data set, 1 to 999.")] = 501,
    folds: Folds = None,
    fold_seed: FoldSeed = None,
    lesion_label: LesionLabel = None,
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Write a data set for nnU-Net, with our folds: imagesTr, labelsTr, dataset.json, splits_final.json."""
    from hemosweep.workflows.export import export_nnunet as export

    _tell_export(
        lambda: export(
            data,
            to,
            dataset_id=dataset_id,
            folds=folds,
            fold_seed=fold_seed,
            lesion_label=lesion_label,
            jobs=num_jobs(jobs),
        ),
        as_json=as_json,
    )


def export_mist(
    data: DataSet,
    to: Annotated[Path, typer.Option(help="Folder to make.", callback=expanded)],
    folds: Folds = None,
    fold_seed: FoldSeed = None,
    lesion_label: LesionLabel = None,
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Write a data set for MIST, with our folds: train, dataset.json, train_paths.csv."""
    from hemosweep.workflows.export import export_mist as export

    _tell_export(
        lambda: export(data, to, folds=folds, fold_seed=fold_seed, lesion_label=lesion_label, jobs=num_jobs(jobs)),
        as_json=as_json,
    )


def _tell_export(export: "Callable[[], ExportResult]", *, as_json: bool) -> None:
    try:
        result = export()
    except KeyboardInterrupt:
        print_error("stopped; exported cases are kept, and the same command goes on from here")
        raise typer.Exit(1) from None
    tell(result, as_json=as_json)
