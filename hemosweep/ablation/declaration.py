"""Declaration of an ablation for the record: what is compared, without the functions that make its arms."""

from dataclasses import dataclass

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
