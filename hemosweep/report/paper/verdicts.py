"""The paper's verdict on a comparison and our own, in a few words each, for a table."""

from hemosweep.report.paper.claims import paper_claim
from hemosweep.report.terminal.table import UNDEFINED
from hemosweep.stats.multiple_testing import FamilyComparison
from hemosweep.stats.verdict import p_text

NOT_STATED = "not stated"
SPACE = "\N{NO-BREAK SPACE}"
_WORDS = {
    "better": "better",
    "worse": "worse",
    "different": "different",
    "no_evidence": "no evidence of a difference",
    "equivalent": "equivalent",
    "not_comparable": "not comparable",
}
_UNTESTABLE = {
    "identical": "not testable: identical in every case",
    "zero_variance": "not testable: the same difference in every case",
    "too_few_pairs": "not testable: fewer than two pairs",
}


def paper_verdict(sweep: str, a: str, b: str) -> str:
    """Verdict of the paper on B against A: better, worse, or not significant, with the bound that it prints for p."""
    claim = paper_claim(sweep, a, b)
    if claim is None:
        return NOT_STATED
    word = "not significant" if claim.direction == "none" else claim.direction
    return f"{word} ({spaced('p', claim.p) if claim.p else 'no p given'})"


def our_verdict(row: FamilyComparison) -> str:
    """Our verdict: the outcome, withdrawn where the claim does not survive the family's Holm correction."""
    comparison = row.comparison
    if comparison.outcome == "not_testable":
        return _UNTESTABLE.get(comparison.status, "not testable")
    if row.outcome == "trained_models":
        # The p beside it is of the claim, which does not hold.
        word = f"{'higher' if (comparison.mean_diff or 0.0) > 0 else 'lower'} on these trained models"
        word = f"not significant after Holm, {word}" if row.taken_back else f"{word}, no claim"
    else:
        word = f"{'not significant after Holm, ' * row.taken_back}{_WORDS[row.outcome]}"
    if row.holm_p is None:
        return word
    return f"{word} (Holm{SPACE}{p_text(row.holm_p).replace(' ', SPACE)})"


def p_value(p: float | None) -> str:
    """p in four digits, or as below the smallest of them; a dash where there is none."""
    if p is None:
        return UNDEFINED
    return f"{p:.4f}" if p >= 0.0001 else f"<{SPACE}0.0001"


def spaced(name: str, bound: str) -> str:
    """A quantity with its printed bound, such as "<0.01", which no line break can separate."""
    return SPACE.join((name, bound[0], bound[1:]))
