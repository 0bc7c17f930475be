"""Commands about other programs: a data set exported to nnU-Net or MIST, and their results imported as an arm."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hemosweep.cli import completion
from hemosweep.cli.options import (
    DataSet,
    Jobs,
    Json,
    LesionLabel,
    Out,
    data_option,
    expanded,
    num_jobs,
    print_error,
    tell,
)

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
    """Write a data set for nnU-Net, with our folds.

    Written are imagesTr, labelsTr, dataset.json and splits_final.json.
    """
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
    """Write a data set for MIST, with our folds.

    Written are train, dataset.json and train_paths.csv.
    """
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


def import_results(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="nnU-Net's folder of a trained configuration (with fold_0 ...), or MIST's folder of results.",
            callback=expanded,
        ),
    ],
    name: Annotated[str, typer.Option(help="Name of the arm, such as nnunet.")],
    sweep: Annotated[
        str, typer.Option(help="Ablation that it becomes an arm of.", autocompletion=completion.any_sweeps)
    ],
    data: Annotated[Path | None, data_option("The data set that was exported. Default: phantoms under --out.")] = None,
    export: Annotated[
        Path | None, typer.Option(help="Folder of the export. Default: the results name it.", callback=expanded)
    ] = None,
    tool_version: Annotated[
        str | None, typer.Option(help="Version of the program, where its files do not say it (nnU-Net).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Number of the training, where there are several.", min=0)] = 0,
    out: Out = Path("runs"),
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Record another program's cross-validation as an arm.

    The predictions of nnU-Net or MIST are scored by our metrics, and recorded as an external arm of an ablation.
    """
    from hemosweep.workflows.import_results import import_results as import_them

    try:
        result = import_them(
            folder,
            name=name,
            sweep=sweep,
            out=out,
            data=data,
            export=export,
            tool_version=tool_version,
            seed=seed,
            jobs=num_jobs(jobs),
        )
    except KeyboardInterrupt:
        print_error("stopped; nothing is recorded yet, start the same command again")
        raise typer.Exit(1) from None
    tell(result, as_json=as_json)
