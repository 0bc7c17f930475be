"""Declaration of an ablation for the record: what is compared, without the functions that make its arms."""

from dataclasses import dataclass
from typing import Any

DSC_NAME = "dsc"
"""Name of the metric of the paper, which is the primary one where no other is declared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """Question, arms, baseline, comparisons and primary metric of an ablation, as declared before training."""

    name: str
    question: str
    arms: tuple[str, ...]
    baseline: str
    comparisons: tuple[tuple[str, str], ...]
    primary_metric: str = DSC_NAME


def read_declaration(values: Any) -> Declaration:
    """The declaration of which `dataclasses.asdict` gave these values, through JSON or not.

    Raises:
        KeyError, TypeError, ValueError: they are no declaration.
    """
    return Declaration(
        name=values["name"],
        question=values["question"],
        arms=tuple(values["arms"]),
        baseline=values["baseline"],
        comparisons=tuple((a, b) for a, b in values["comparisons"]),
        primary_metric=values.get("primary_metric", DSC_NAME),
    )
