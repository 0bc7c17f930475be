"""Commands about differences: of two sides, of a sweep, with more seeds, and the report of the study."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli import completion
from hemosweep.cli.options import Json, Out, data_option, expanded, print_result, print_warning

MetricName = Annotated[
    str,
    typer.Option(
        help="Which score, such as nsd or hd95_mm; one that is not there lists them.",
        autocompletion=completion.metrics,
    ),
]
Margin = Annotated[float | None, typer.Option(help="Largest difference that does not matter: tests equivalence, too.")]
FamilyMetric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        help="Which score, such as nsd. Default: the declared primary metric, mostly dsc.",
        autocompletion=completion.metrics,
    ),
]
AllowIncomparable = Annotated[
    bool, typer.Option("--allow-incomparable", help="Compare even where the data or folds differ; says so.")
]


def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="Run id or name, SWEEP/ARM[@SEED], one of another MLflow store (mlflow:URI/hemosweep/SWEEP/RUN), or a "
            "file: CSV, TSV, nnU-Net's summary.json (v1 or v2), MIST's results.csv.",
            autocompletion=completion.runs,
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B", help="What is compared with it: the difference is B - A.", autocompletion=completion.runs
        ),
    ],
    metric: MetricName = "dsc",
    margin: Margin = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Which label of nnU-Net's or MIST's file; twice for A's and B's.")
    ] = None,
    out: Out = Path("runs"),
    allow_incomparable: AllowIncomparable = False,
    as_json: Json = False,
) -> None:
    """Compare two arms, or two files of scores, case by case.

    The paired t-test is printed, and beside it what it leaves unsaid. One sentence says what holds.
    """
    from hemosweep.workflows.compare import compare as compare_sides

    comparison = compare_sides(
        out, a, b, metric=metric, labels=label or (), margin=margin, allow_incomparable=allow_incomparable
    )
    print_result(comparison, as_json=as_json)


def compare_all(
    name: Annotated[
        str,
        typer.Argument(
            metavar="SWEEP",
            help="Ablation, such as patchsize, or that of another store: mlflow:URI/hemosweep/SWEEP.",
            autocompletion=completion.recorded_sweeps,
        ),
    ],
    metric: FamilyMetric = None,
    margin: Margin = None,
    out: Out = Path("runs"),
    allow_incomparable: AllowIncomparable = False,
    as_json: Json = False,
) -> None:
    """Test all declared comparisons of an ablation as a family.

    With the corrections of Holm and of Benjamini and Hochberg, and a forest plot.
    """
    from hemosweep.workflows.compare_all import compare_all as compare_family

    family = compare_family(out, name, metric=metric, margin=margin, allow_incomparable=allow_incomparable)
    print_result(family, as_json=as_json)


def power(
    name: Annotated[
        str,
        typer.Argument(metavar="SWEEP", help="Ablation, such as patchsize.", autocompletion=completion.recorded_sweeps),
    ],
    difference: Annotated[float | None, typer.Option(help="True difference whose seeds are asked for.")] = None,
    cases: Annotated[int | None, typer.Option(help="Number of cases. Default: that of the runs.")] = None,
    folds: Annotated[int | None, typer.Option(help="Number of folds. Default: that of the runs.")] = None,
    metric: FamilyMetric = None,
    out: Out = Path("runs"),
    as_json: Json = False,
) -> None:
    """Forecast what more seeds of an ablation would show.

    The runs at hand give the difference that more seeds would show, and the seeds that a difference needs.
    """
    from hemosweep.workflows.power import power as forecast

    result = forecast(out, name, metric=metric, difference=difference, num_cases=cases, num_folds=folds)
    print_result(result, as_json=as_json)


def report(
    sweeps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SWEEP]...",
            help="Ablations, or those of another store: mlflow:URI/hemosweep/SWEEP, or mlflow:URI. Default: every one "
            "that has a finished run.",
            autocompletion=completion.recorded_sweeps,
        ),
    ] = None,
    out: Out = Path("runs"),
    to: Annotated[
        Path | None, typer.Option(help="Folder to write. Default: report under --out.", callback=expanded)
    ] = None,
    data: Annotated[
        Path | None, data_option("The runs' data set, to draw cases on. Default: phantoms under --out.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="The score that it is about. Default: the declared primary metric, mostly dsc.",
            autocompletion=completion.metrics,
        ),
    ] = None,
    margin: Margin = None,
    with_paths: Annotated[
        bool, typer.Option("--with-paths", help="Also name folders, machine and user, which others need not know.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the report of the study: one page, Markdown and LaTeX.

    The study stands beside the paper, table by table, with figures and provenance.
    """
    from hemosweep.tracking.address import is_address
    from hemosweep.tracking.database import require_store

    if not any(map(is_address, sweeps or ())):
        require_store(out)
    from hemosweep.workflows.report import make_report  # Seconds of PyTorch, for which a missing folder need not wait.

    result = make_report(
        out,
        tuple(sweeps or ()),
        to=to,
        data=data,
        metric=metric,
        margin=margin,
        with_paths=with_paths,
    )
    for warning in result.warnings:
        print_warning(warning)
    print_result(result, as_json=as_json)
