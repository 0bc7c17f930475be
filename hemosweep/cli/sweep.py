"""`hemosweep sweep`, `plan`, `sweeps` and `score`: training, its forecast, what there is to train, and its scores."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hemosweep.cli import completion
from hemosweep.cli.options import (
    Jobs,
    Json,
    LesionLabel,
    Out,
    data_option,
    expanded,
    num_jobs,
    print_error,
    print_result,
)
from hemosweep.errors import BadInput, TimeIsUp
from hemosweep.workflows.options import SweepOptions

_OPTIONS: dict[str, Any] = {
    "name": Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE.py",
            help="Ablation, such as patchsize; search; or your own file.",
            autocompletion=completion.sweeps,
        ),
    ],
    "data": Annotated[Path | None, data_option("Data set folder; without it a phantom is made under --out.")],
    "profile": Annotated[
        str | None,
        typer.Option(
            help="demo or paper. Default: demo, or paper where a data set is given.",
            autocompletion=completion.profiles,
        ),
    ],
    "out": Out,
    "seeds": Annotated[
        str | None,
        typer.Option(
            help="Train every arm with this many seeds; auto: more where a comparison is open. Default: 1, noise 3.",
            autocompletion=completion.words("auto"),
        ),
    ],
    "budget": Annotated[
        str | None,
        typer.Option(help="With --seeds auto: train the sweep up to this time in all, such as 12h. Default: no limit."),
    ],
    "repeats": Annotated[
        int | None,
        typer.Option(help="Draw the folds this many times, each with a seed of its own: counts training sets, too."),
    ],
    "arms": Annotated[str, typer.Option(help="Only these arms, separated by commas.", autocompletion=completion.arms)],
    "folds": Annotated[int | None, typer.Option(help="Number of folds. Default: the profile's.")],
    "only_folds": Annotated[
        str | None, typer.Option(help="Only these folds of the split, such as 0,2: for trying. Default: all.")
    ],
    "trials": Annotated[int | None, typer.Option(help="Search: how many arms are tried, the start among them (20).")],
    "lesion_label": LesionLabel,
    "deterministic": Annotated[
        bool,
        typer.Option(
            "--deterministic", help="Ask CUDA for the same bits each time; slower. The CPU gives them anyway."
        ),
    ],
    "executor": Annotated[
        str,
        typer.Option(
            help="Where fold runs are trained: local, slurm, dask:SCHEDULER.json, dask:tls://HOST:PORT, the name of an "
            "installed one, or FILE.py[:ADDRESS].",
            autocompletion=completion.executors,
        ),
    ],
    "per_gpu": Annotated[int | None, typer.Option(help="local: fold runs at a time on each GPU (1).")],
    "at_once": Annotated[
        int | None,
        typer.Option(
            help="local, without a GPU: fold runs at a time, each with its share of the processors. Default: demo as "
            "many as there are processors, paper 1."
        ),
    ],
    "max_jobs": Annotated[int | None, typer.Option(help="slurm: jobs at a time. Default: one a fold.")],
    "sbatch": Annotated[
        list[str] | None,
        typer.Option(
            help="slurm: an option of sbatch for every job, such as --sbatch=--partition=gpu; may be repeated."
        ),
    ],
    "host": Annotated[
        str | None,
        typer.Option(help="slurm: this machine's address as the compute nodes know it, where it has several."),
    ],
    "certs": Annotated[
        Path | None,
        typer.Option(
            help="Folder of the cluster's certificates. Default: cluster-certs under --out.", callback=expanded
        ),
    ],
    "insecure": Annotated[bool, typer.Option("--insecure", help="Talk to a cluster without TLS.")],
    "time_limit": Annotated[
        str | None, typer.Option(help="Stop after this time, such as 45m or 1h30m, at the end of an epoch.")
    ],
    "tracking": Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Record at this MLflow server, too, such as http://HOST:5000; none: only under --out. Default: "
            "MLFLOW_TRACKING_URI.",
        ),
    ],
    "with_host": Annotated[
        bool, typer.Option("--with-host", help="Name this machine in what is recorded at that server.")
    ],
    "fresh": Annotated[
        bool, typer.Option("--fresh", help="Start over: delete the sweep's existing fold runs, and train all again.")
    ],
}
"""Options of `SweepOptions` by its fields, in the order of the help."""
_TYPED = {"arms": "", "only_folds": None, "sbatch": None}
"""Defaults of those that are typed as one text, or one after the other."""
_OF_TRAINING = frozenset({"sbatch", "host", "time_limit", "fresh", "budget", "tracking", "with_host"})
"""Options without a meaning for a command that does not train."""


def _takes(names: list[str], further: Mapping[str, Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command, to take these fields of `SweepOptions`, and further switches, as its options."""
    defaults = {field.name: field.default for field in fields(SweepOptions)} | {"name": Parameter.empty} | _TYPED
    options = {name: (_OPTIONS[name], defaults[name]) for name in names} | {
        name: (option, False) for name, option in further.items()
    }

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        command.__signature__ = Signature(  # type: ignore[attr-defined]
            [
                Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
                for name, (annotation, default) in options.items()
            ]
        )
        command.__annotations__ = {name: annotation for name, (annotation, _) in options.items()}
        return command

    return decorate


@_takes(
    list(_OPTIONS),
    {
        "yes": Annotated[bool, typer.Option("--yes", help="Run the paper profile on a machine without a GPU.")],
        "as_json": Json,
    },
)
def sweep(*, yes: bool, as_json: bool, **typed: Any) -> None:
    """Train every arm of an ablation, and compare the arms.

    A search goes beyond the paper: it tries arms of its own, and the best arm found is tested.

    The last lines are for other programs, one an arm and seed, with status=failed and dsc_mean=nan where a fold run
    failed: summary sweep=se arm=unet seed=0 n=18 dsc_mean=0.817 status=done
    """
    from hemosweep.workflows.sweep import run_sweep

    try:
        result = run_sweep(_options(typed), confirmed=yes)
    except (KeyboardInterrupt, TimeIsUp) as stopped:
        when = " at the time limit" if isinstance(stopped, TimeIsUp) else ""
        typer.echo(f"stopped{when}; {' '.join(stopped.args) or 'the same command goes on from here'}", err=True)
        raise typer.Exit(1) from None
    print_result(result, as_json=as_json)
    if result.failures:
        raise typer.Exit(1)


@_takes([name for name in _OPTIONS if name not in _OF_TRAINING], {"as_json": Json})
def plan(*, as_json: bool, **typed: Any) -> None:
    """Forecast what a sweep would train here; train nothing.

    Its fold runs are listed, done, shared and missing, and hours, memory and disk are forecast.
    """
    from hemosweep.workflows.plan import plan_sweep

    print_result(plan_sweep(_options(typed)), as_json=as_json)


def sweeps(
    names: Annotated[bool, typer.Option("--names", help="Print the names alone, one a line.")] = False,
    ablations: Annotated[bool, typer.Option("--ablations", help="Leave the searches out.")] = False,
    as_json: Json = False,
) -> None:
    """List the ablations and searches that there are.

    Those are hemosweep's, and those of installed packages.
    """
    from hemosweep.workflows.sweeps import list_sweeps

    found = list_sweeps(with_searches=not ablations)
    if names:
        typer.echo("\n".join(row["sweep"] for row in found.rows))
        return
    print_result(found, as_json=as_json)


def score(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="SWEEP|FILE.py", help="Ablations to score.", autocompletion=completion.any_sweeps),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    out: Out = Path("runs"),
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Score kept predictions by new or changed metrics.

    Nothing is trained.
    """
    from hemosweep.workflows.score import score_runs

    if bool(names) == every:
        raise BadInput("give the names of sweeps, or --all")
    try:
        result = score_runs(out, tuple(names or ()), jobs=num_jobs(jobs))
    except KeyboardInterrupt:
        print_error("stopped; what is scored is kept, and the same command goes on from here")
        raise typer.Exit(1) from None
    for message in result.failures.values():
        print_error(message)
    print_result(result, as_json=as_json)
    if result.failures:
        raise typer.Exit(1)


def _options(typed: Mapping[str, Any]) -> SweepOptions:
    """Options as typed: names of arms and folds are separated by commas."""
    values = dict(typed)
    values["arms"] = _names(values["arms"])
    values["seeds"] = _seeds(values["seeds"])
    if values["only_folds"] is not None:
        values["only_folds"] = _names(values["only_folds"])
    if "sbatch" in values:
        values["sbatch"] = tuple(values["sbatch"] or ())
    return SweepOptions(**values)


def _seeds(text: str | None) -> int | Literal["auto"] | None:
    if text is None:
        return None
    if text == "auto":
        return "auto"
    if not text.removeprefix("-").isdecimal():
        raise BadInput(f"--seeds {text}: give a number, or auto")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
