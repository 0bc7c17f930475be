"""`hemosweep bench`, with the options that only it has."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli import completion
from hemosweep.cli.options import Json, expanded, print_error, print_json
from hemosweep.files import check_writable


def bench(
    part: Annotated[
        str,
        typer.Argument(
            metavar="PART",
            help="What is measured: cpu, gpu or all.",
            autocompletion=completion.words("cpu", "gpu", "all"),
        ),
    ] = "all",
    quick: Annotated[bool, typer.Option("--quick", help="Few repeats, and leave out what takes minutes.")] = False,
    to: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write bench_cpu.json and bench_gpu.json to; quick_cpu.json with --quick.", callback=expanded
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure the speed of this machine.

    Training, data path, inference and scores are timed beside MONAI and plain PyTorch.
    """
    from dataclasses import asdict

    from hemosweep.bench.rows import as_lines
    from hemosweep.workflows.bench import run_bench, write_results

    if to is not None:
        check_writable("--to", to)
    try:
        results = run_bench(part, quick=quick, say=lambda text: typer.echo(text, err=True))
    except KeyboardInterrupt:
        print_error("stopped; nothing was written")
        raise typer.Exit(1) from None
    for path in write_results(results, to, quick=quick) if to is not None else ():
        typer.echo(f"written: {path}", err=True)
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        typer.echo("\n\n".join("\n".join(as_lines(result)) for result in results))
