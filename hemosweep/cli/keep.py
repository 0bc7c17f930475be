"""`hemosweep verify`, `clean` and `cluster-certs`: house-keeping."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli.options import Jobs, Json, Out, OutArgument, expanded, num_jobs, print_error, print_result


def verify(
    out: OutArgument = Path("runs"),
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Compare every file of the fold runs with its seal.

    The record is compared with the fold runs, too. Exit code 1 where something differs.
    """
    from hemosweep.workflows.verify import verify as verify_folder

    result = verify_folder(out, jobs=num_jobs(jobs))
    print_result(result, as_json=as_json)
    if result.faults:
        raise typer.Exit(1)


def clean(
    out: Out = Path("runs"),
    # The environment decides nothing about what is deleted.
    data: Annotated[
        Path | None, typer.Option(help="Data set whose preprocessed cases count, too.", callback=expanded)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; without this it is only listed.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With the fold runs of runs: their weights and predictions.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List or delete what nothing needs any more.

    Such are fold runs of older source code, and preprocessed cases of earlier settings.
    """
    from hemosweep.workflows.clean import clean as clean_up

    try:
        cleaning = clean_up(out, data, confirmed=yes, force=force)
    except KeyboardInterrupt:
        print_error("stopped; the same command goes on from here")
        raise typer.Exit(1) from None
    print_result(cleaning, as_json=as_json)


def cluster_certs(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", help="Where to put them. Default: cluster-certs under --out.", callback=expanded
        ),
    ] = None,
    out: Out = Path("runs"),
) -> None:
    """Make the certificate that keeps strangers off a cluster.

    The cluster is Dask's. The commands that use the certificate and its key are printed.
    """
    from hemosweep.workflows.certificates import make_cluster_certificates

    for line in make_cluster_certificates(folder, out):
        typer.echo(line)
