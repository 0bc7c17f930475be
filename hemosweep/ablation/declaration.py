"""Declaration of an ablation for the record: what is compared, without the functions that make its arms."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
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

    def joined_by(self, arms: Iterable[str]) -> "Declaration":
        """The declaration with further arms, each compared with the baseline; those that it has stay as they are."""
        new = tuple(arm for arm in dict.fromkeys(arms) if arm not in self.arms)
        pairs = tuple((self.baseline, arm) for arm in new)
        return replace(self, arms=(*self.arms, *new), comparisons=(*self.comparisons, *pairs))


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
