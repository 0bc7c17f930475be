"""Statistics of paired case scores, and what may be compared at all."""

from hemosweep.stats.comparability import Comparability, RunFacts, comparability
from hemosweep.stats.families import benjamini_hochberg, holm
from hemosweep.stats.paired import GroupDifference, PairedComparison, paired_comparison, to_json

__all__ = [
    "Comparability",
    "GroupDifference",
    "PairedComparison",
    "RunFacts",
    "benjamini_hochberg",
    "comparability",
    "holm",
    "paired_comparison",
    "to_json",
]
