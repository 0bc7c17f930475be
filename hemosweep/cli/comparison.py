"""`hemosweep compare A B`: two runs of the tracker, the gate, and the paired test."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.engine.environment import PACKAGES
from hemosweep.errors import BadInput, NotComparable
from hemosweep.stats.comparability import RunFacts, comparability
from hemosweep.stats.paired import PairedComparison, paired_comparison, to_json
from tracking.reader import RunRecord, case_table, find_run


@dataclass(frozen=True, kw_only=True, slots=True)
class RunComparison:
    """Two runs, what the gate said of them, and their paired comparison."""

    a: RunRecord
    b: RunRecord
    comparison: PairedComparison
    warnings: tuple[str, ...]
    overridden: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        values = to_json(self.comparison)
        values["warnings"] = [*self.warnings, *self.comparison.warnings]
        return values | {
            "a": _name(self.a),
            "b": _name(self.b),
            "run_id_a": self.a.run_id,
            "run_id_b": self.b.run_id,
            "incomparable_reasons_overridden": list(self.overridden),
        }

    def as_lines(self) -> list[str]:
        result = self.comparison
        lines = [
            f"A  {_name(self.a)}  ({self.a.run_id[:8]})  DSC {_mean_sd(result.mean_a, result.sd_a)}",
            f"B  {_name(self.b)}  ({self.b.run_id[:8]})  DSC {_mean_sd(result.mean_b, result.sd_b)}",
            f"n = {result.n} paired cases; B better in {result.wins}, equal in {result.ties}, worse in {result.losses}",
        ]
        if result.mean_diff is not None:
            interval = "" if result.ci95 is None else f", 95% CI [{result.ci95[0]:+.4f}, {result.ci95[1]:+.4f}]"
            lines.append(f"mean difference B - A = {result.mean_diff:+.4f}{interval}")
        if result.t is not None and result.p is not None:
            p = f"p = {result.p:.4g} {result.stars}".rstrip()
            lines.append(f"paired t-test: t = {result.t:.4f}, df = {result.df}, {p}")
        if result.dz is not None:
            lines.append(f"effect size: Cohen's dz = {result.dz:.3f}")
        if result.wilcoxon_p is not None:
            lines.append(f"Wilcoxon signed-rank: p = {result.wilcoxon_p:.4g}")
        for group in result.groups:
            if group.mean_diff is not None:
                lines.append(
                    f"{group.name}: n = {group.n}, {group.mean_a:.3f} to {group.mean_b:.3f} ({group.mean_diff:+.3f})"
                )
        if result.worst:
            lines.append("worst: " + ", ".join(f"{case_id} {diff:+.3f}" for case_id, diff in result.worst))
        if result.best:
            lines.append("best:  " + ", ".join(f"{case_id} {diff:+.3f}" for case_id, diff in result.best))
        lines += [f"NOT COMPARABLE, overridden: {reason}" for reason in self.overridden]
        lines += [f"warning: {warning}" for warning in (*self.warnings, *result.warnings)]
        lines.append(result.verdict)
        return lines


def compare_runs(out: Path, reference_a: str, reference_b: str, *, allow_incomparable: bool) -> RunComparison:
    """Compare two runs case by case.

    Raises:
        BadInput: a run that is not there, or has not finished.
        NotComparable: they differ in data, folds, metric version or checkpoint rule, and that was not overridden.
    """
    a, b = find_run(out, reference_a), find_run(out, reference_b)
    for run in (a, b):
        if run.status != "FINISHED":
            raise BadInput(f"run {_name(run)} is {run.status}, not finished; run its sweep again first")
    gate = comparability(_facts(a), _facts(b))
    if gate.reasons and not allow_incomparable:
        raise NotComparable(f"not comparable: {'; '.join(gate.reasons)} (--allow-incomparable overrides)")
    table_a, table_b = case_table(out, a.run_id), case_table(out, b.run_id)
    ivh = dict(zip([*table_a["case_id"], *table_b["case_id"]], [*table_a["ivh"], *table_b["ivh"]], strict=True))
    comparison = paired_comparison(
        dict(zip(table_a["case_id"], table_a["dsc"], strict=True)),
        dict(zip(table_b["case_id"], table_b["dsc"], strict=True)),
        ivh=ivh,
    )
    older = tuple(
        f"{run.num_older} older runs are named {_name(run)} too; took the newest, {run.run_id[:8]} (hemosweep runs)"
        for run in (a, b)
        if run.num_older
    )
    return RunComparison(a=a, b=b, comparison=comparison, warnings=(*older, *gate.warnings), overridden=gate.reasons)


def _facts(run: RunRecord) -> RunFacts:
    def fact(name: str) -> str:
        return run.tags.get(f"hemosweep.{name}", f"not recorded for {run.run_id[:8]}")

    return RunFacts(
        dataset_digest=fact("dataset_digest"),
        folds_digest=fact("folds_digest"),
        metric_version=fact("metric_version"),
        checkpoint_rule=fact("checkpoint_rule"),
        source_digest=fact("source_digest"),
        packages={name: run.tags[f"env.{name}"] for name in PACKAGES if f"env.{name}" in run.tags},
        device_kind=fact("device_kind"),
    )


def _name(run: RunRecord) -> str:
    return f"{run.sweep}/{run.arm}@{run.seed}"


def _mean_sd(mean: float | None, sd: float | None) -> str:
    if mean is None:
        return "undefined"
    return f"{mean:.3f}" if sd is None else f"{mean:.3f} ± {sd:.3f}"
