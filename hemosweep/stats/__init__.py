"""Statistics of paired case scores, and the check of comparability."""

from hemosweep.scores.catalogue import DSC, METRICS, find_metric
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.table import Scores, scores_by_case
from hemosweep.stats.claim import Claim, Components, claim
from hemosweep.stats.clusters import (
    FoldComparison,
    FoldMean,
    PatientComparison,
    design_effect,
    intraclass_correlation,
)
from hemosweep.stats.comparability import Comparability, ComparabilityFacts, comparability
from hemosweep.stats.diagnostics import Outlier, find_outliers, shapiro_p
from hemosweep.stats.groups import GroupDifference, Interaction
from hemosweep.stats.multiple_testing import benjamini_hochberg, holm
from hemosweep.stats.paired import PairedComparison, paired_comparison, to_json
from hemosweep.stats.power import (
    Equivalence,
    detectable_difference,
    equivalence,
    minimum_detectable_difference,
    seeds_to_settle,
)
from hemosweep.stats.replicates import Seeds, SeedSpread, seed_spread
from hemosweep.stats.robust import CheckTest, bca_interval, sign_flip_test, wilcoxon_test
from hemosweep.stats.ttest import EffectSize, MeanTest, effect_size, hedges_factor, mean_test, noncentrality, stars
from hemosweep.stats.verdict import Outcome, TestStatus

__all__ = [
    "DSC",
    "METRICS",
    "CheckTest",
    "Claim",
    "Comparability",
    "ComparabilityFacts",
    "Components",
    "EffectSize",
    "Equivalence",
    "FoldComparison",
    "FoldMean",
    "GroupDifference",
    "Interaction",
    "MeanTest",
    "MetricDescription",
    "Outcome",
    "Outlier",
    "PairedComparison",
    "PatientComparison",
    "Scores",
    "SeedSpread",
    "Seeds",
    "TestStatus",
    "bca_interval",
    "benjamini_hochberg",
    "claim",
    "comparability",
    "design_effect",
    "detectable_difference",
    "effect_size",
    "equivalence",
    "find_metric",
    "find_outliers",
    "hedges_factor",
    "holm",
    "intraclass_correlation",
    "mean_test",
    "minimum_detectable_difference",
    "noncentrality",
    "paired_comparison",
    "scores_by_case",
    "seed_spread",
    "seeds_to_settle",
    "shapiro_p",
    "sign_flip_test",
    "stars",
    "to_json",
    "wilcoxon_test",
]
