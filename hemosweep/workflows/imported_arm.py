"""Result of `hemosweep import-results`, with the remarks that a user must read before a comparison."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hemosweep.ablation.declaration import Declaration
from hemosweep.external.manifest import Manifest
from hemosweep.external.program import Program, Results
from hemosweep.external.scoring import Predicted
from hemosweep.runs import RunStore

ROUNDING = 5e-5
"""Difference of two values of one score that are printed with four digits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedArm:
    """An external arm that was imported; `failures` say why there is none, one line each.

    `dsc_mean` is None where it is not defined.
    """

    sweep: str
    arm: str
    program: str
    baseline: str
    out: Path
    num_cases: int = 0
    num_folds: int = 0
    dsc_mean: float | None = None
    run_id: str | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "sweep": self.sweep,
            "arm": self.arm,
            "program": self.program,
            "run_id": self.run_id,
            "num_cases": self.num_cases,
            "num_folds": self.num_folds,
            "dsc_mean": self.dsc_mean,
            "failures": list(self.failures.values()),
            "warnings": list(self.warnings),
        }

    def as_lines(self, *, styled: bool = False) -> list[str]:
        if self.failures:
            return [f"nothing is imported: {len(self.failures)} results are not those of the export"]
        dsc = "undefined" if self.dsc_mean is None else f"{self.dsc_mean:.3f}"
        return [
            f"{self.sweep}/{self.arm}: {self.num_cases} cases in {self.num_folds} folds by {self.program}, "
            f"scored by our metrics on the scanner's grid: DSC {dsc}",
            f"next: hemosweep compare {self.sweep}/{self.baseline} {self.sweep}/{self.arm}{self._out_option}",
        ]

    @property
    def _out_option(self) -> str:
        return "" if self.out == Path("runs") else f" --out {shlex.quote(str(self.out))}"

    def warning_lines(self) -> Sequence[str]:
        return self.warnings


def other_scores(program: Program, manifest: Manifest, results: Results, scored: Mapping[str, Predicted]) -> list[str]:
    """Warnings about cases whose DSC by the program is another one than ours."""
    lines = []
    for case_id, name in manifest.names.items():
        theirs, ours = results.own_dsc.get(name), scored[case_id].row["dsc"]
        if theirs is None or ours is None or math.isnan(theirs):
            continue
        if abs(theirs - ours) > ROUNDING:
            lines.append(
                f"case {case_id}: {program.title}'s own DSC is {theirs:.4f} and ours {ours:.4f}; its grid or its "
                "post-processing may differ, or the predictions changed since"
            )
    return lines


def not_comparable(
    program: Program, results: Results, facts: Mapping[str, str], store: RunStore, declared: Declaration
) -> list[str]:
    """Warnings about what `compare` will refuse."""
    lines = []
    if results.chosen_on_test:
        lines.append(
            f"{program.title} chose the epoch by the test cases ({results.checkpoint_rule}): compare refuses it; train "
            "it again with --val-percent 0.2"
        )
    names = {"dataset_digest": "data set", "folds_digest": "folds"}
    own = [run for run in store.list_runs(declared.name) if run.external is None and run.is_finished]
    for fact, what in names.items():
        if own and all(run.fact(fact) != facts[fact] for run in own):
            lines.append(
                f"the {what} of the export are not those of any arm of {declared.name}, so compare refuses it; export "
                "with the --folds and --fold-seed of the sweep, and the same data set"
            )
    return lines
