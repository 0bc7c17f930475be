"""`hemosweep preprocess`: the cases of a data set, prepared for training."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli import completion
from hemosweep.cli.options import DataSet, Jobs, Json, LesionLabel, Out, num_jobs, print_error, tell


def preprocess(
    data: DataSet,
    profile: Annotated[
        str, typer.Option(help="Whose grid: paper (the scanner's) or demo.", autocompletion=completion.profiles)
    ] = "paper",
    symmetric: Annotated[
        str,
        typer.Option(
            help="Symmetric image by plane, register or flirt (needs FSL), or none.",
            autocompletion=completion.symmetric,
        ),
    ] = "plane",
    cta: Annotated[bool, typer.Option("--cta/--no-cta", help="Prepare the angiography of the cases with one.")] = True,
    preview: Annotated[bool, typer.Option("--preview", help="Draw every case as in the paper's Fig. 1.")] = False,
    jobs: Jobs = None,
    lesion_label: LesionLabel = None,
    out: Out = Path("runs"),
    as_json: Json = False,
) -> None:
    """Prepare every case of a data set for training.

    Head holder and skull are taken off, and the symmetric image and the angiography are made. One page shows all cases.
    What is done already is kept.
    """
    from dataclasses import replace

    from hemosweep.sweeps.base import profile as find_profile
    from hemosweep.workflows.preprocess import prepare_data_set

    config = replace(find_profile(profile).config.preprocessing, symmetric=symmetric, lesion_label=lesion_label)
    try:
        result = prepare_data_set(data, config, out=out, with_cta=cta, preview=preview, jobs=num_jobs(jobs))
    except KeyboardInterrupt:
        print_error("stopped; finished cases are kept, and the same command goes on from here")
        raise typer.Exit(1) from None
    try:
        tell(result, as_json=as_json)
    finally:
        if result.page is not None and not as_json:
            typer.echo(f"look at the cases, the most suspicious first: {result.page}")
