"""`hemosweep predict` and `promote`: the fold ensemble of a run, used and registered."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli import completion
from hemosweep.cli.options import Json, Out, expanded, print_error, print_result, print_warning, tell


def predict(
    scan: Annotated[
        Path, typer.Argument(metavar="CT", help="CT as NIfTI, or a folder of them, or a data set.", callback=expanded)
    ],
    run: Annotated[
        str | None, typer.Option(help="Run id, run name, or SWEEP/ARM[@SEED].", autocompletion=completion.runs)
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="In place of a run, a model: NAME@ALIAS or NAME/VERSION (hemosweep promote).")
    ] = None,
    tracking: Annotated[
        str | None, typer.Option(metavar="URI", help="MLflow server that has the model. Default: the store of --out.")
    ] = None,
    cta: Annotated[
        Path | None, typer.Option(help="The scan's CT angiography, for an arm that takes one.", callback=expanded)
    ] = None,
    folder: Annotated[bool, typer.Option("--folder", help="CT must be a folder: predict every scan in it.")] = False,
    out: Out = Path("runs"),
    to: Annotated[
        Path | None, typer.Option(help="Folder to write into. Default: predictions under --out.", callback=expanded)
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(help="Where the project of the arm's own components went, if it was moved.", callback=expanded),
    ] = None,
    as_json: Json = False,
) -> None:
    """Segment scans with the fold ensemble of a run or model.

    Each scan gets a mask, its volume in mL beside ABC/2, and a picture.
    """
    from hemosweep.workflows.predict import predict_scans

    try:
        result = predict_scans(
            out,
            scan,
            run=run,
            model=model,
            tracking=tracking,
            cta=cta,
            as_folder=folder,
            to=to,
            project=project,
        )
    except KeyboardInterrupt:
        print_error("stopped; finished scans are kept, and the same command goes on from here")
        raise typer.Exit(1) from None
    tell(result, as_json=as_json)


def promote(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="Run id, run name, or SWEEP/ARM[@SEED].", autocompletion=completion.runs),
    ],
    name: Annotated[str | None, typer.Option(help="Name of the model. Default: hemosweep-SWEEP-ARM.")] = None,
    alias: Annotated[str, typer.Option(help="Alias that means this version from now on.")] = "current",
    to: Annotated[
        str | None, typer.Option(metavar="URI", help="MLflow server that gets it. Default: the store of --out.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--force", help="Make a new version even where the same networks have one.")
    ] = False,
    out: Out = Path("runs"),
    project: Annotated[
        Path | None,
        typer.Option(help="Where the project of the arm's own components went, if it was moved.", callback=expanded),
    ] = None,
    as_json: Json = False,
) -> None:
    """Register the fold ensemble of a run as a model in MLflow.

    The model has the weights, the configuration, digests and a model card.
    """
    from hemosweep.workflows.promote import promote as register

    result = register(out, run, name=name, alias=alias, to=to, again=again, project=project)
    for warning in result.warnings:
        print_warning(warning)
    print_result(result, as_json=as_json)
