"""Comparability of two runs (DESIGN.md, *What may be compared*)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparabilityFacts:
    """Provenance of a run.

    `metric_digest` is that of the metric that is compared. `packages` is package name to version; `device_kind` is such
    as "cpu" or "cuda". `external` is the other program that trained the run, such as "nnU-Net 2.8.1", None for
    hemosweep; `chosen_on_test` is True where that program chose the epoch by the test cases.
    """

    dataset_digest: str
    folds_digest: str
    metric_digest: str
    checkpoint_rule: str
    source_digest: str
    packages: Mapping[str, str]
    device_kind: str
    external: str | None = None
    chosen_on_test: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparability:
    """`reasons` forbid the comparison; `warnings` go beside its result. Each is one line with the way out."""

    reasons: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        return not self.reasons


# Field to its name in a message and the way out.
REFUSALS = {
    "dataset_digest": ("data set content", "run both arms on the same data set"),
    "folds_digest": ("case folds", "run both arms with the same --folds on the same cases"),
    "metric_digest": ("metric digest", "score the kept predictions of both again: hemosweep score SWEEP"),
    "checkpoint_rule": ("checkpoint rule", "run both arms with the same rule for the epoch that is kept"),
}
CAUTIONS = {
    "source_digest": ("source digest", "run both arms with the same version of the code to rule it out"),
    "device_kind": ("device kind", "run both arms on the same kind of device to rule it out"),
}


CHECKPOINT_RULE = "checkpoint_rule"


def comparability(a: ComparabilityFacts, b: ComparabilityFacts) -> Comparability:
    """Name everything in which two runs differ that a difference in their scores could come from.

    A run of another program has a training, an early stopping and code of its own: a warning says so in place of what
    two runs of hemosweep are asked for. It is refused where the test cases took part in the choice of its epoch.
    """
    if a.external is not None or b.external is not None:
        return _with_external(a, b)
    warnings = _differences(a, b, CAUTIONS)
    for name in sorted(a.packages.keys() | b.packages.keys()):
        version_a, version_b = a.packages.get(name, "not installed"), b.packages.get(name, "not installed")
        if version_a != version_b:
            warnings.append(f"{name} differs (A: {version_a}, B: {version_b}); use one environment to rule it out")
    return Comparability(reasons=tuple(_differences(a, b, REFUSALS)), warnings=tuple(warnings))


def _with_external(a: ComparabilityFacts, b: ComparabilityFacts) -> Comparability:
    refusals = {field: texts for field, texts in REFUSALS.items() if field != CHECKPOINT_RULE}
    reasons, warnings = _differences(a, b, refusals), []
    for letter, facts in (("A", a), ("B", b)):
        if facts.chosen_on_test:
            reasons.append(
                f"{facts.external} chose the epoch of {letter} by the test cases ({facts.checkpoint_rule}); train it "
                "again with validation cases of its own"
            )
        elif facts.external is not None:
            warnings.append(
                f"{letter} was trained by {facts.external}, with preprocessing, augmentation and a checkpoint rule of "
                f"its own ({facts.checkpoint_rule}): the difference is one of whole methods"
            )
    return Comparability(reasons=tuple(reasons), warnings=tuple(warnings))


def _differences(a: ComparabilityFacts, b: ComparabilityFacts, fields: Mapping[str, tuple[str, str]]) -> list[str]:
    return [
        f"{name} differs (A: {getattr(a, field)}, B: {getattr(b, field)}); {way_out}"
        for field, (name, way_out) in fields.items()
        if getattr(a, field) != getattr(b, field)
    ]
