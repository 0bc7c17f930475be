"""Declaration of an ablation for the record: what is compared, without the functions that make its arms."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """Question, arms, baseline and comparisons of an ablation, as they were declared before training."""

    name: str
    question: str
    arms: tuple[str, ...]
    baseline: str
    comparisons: tuple[tuple[str, str], ...]
