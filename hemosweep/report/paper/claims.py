"""The claims of significance that the paper prints, and whether a comparison of ours shows them."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

from hemosweep.report.paper.printed import paper_results
from hemosweep.stats.multiple_testing import FamilyComparison

Direction = Literal["better", "worse", "none"]
Standing = Literal["shown", "contradicted", "cannot tell"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperClaim:
    """A claim about arm B of an ablation against arm A, with its place in the paper.

    `direction` "none" means that the paper calls the difference not significant. `p` is the bound that it prints, such
    as "<0.01"; empty where it prints none. `note` says how the pair was read where the text does not name it.
    """

    where: str
    sweep: str
    a: str
    b: str
    direction: Direction
    p: str = ""
    note: str = ""


@cache
def paper_claims() -> tuple[PaperClaim, ...]:
    """All claims with a bound for p, in the order of the paper."""
    return tuple(PaperClaim(**values) for values in paper_results()["claims"])


@cache
def paper_headline() -> PaperClaim:
    """The abstract's claim: the final configuration against the baseline U-Net, without a p."""
    return PaperClaim(**paper_results()["headline"])


def paper_claim(sweep: str, a: str, b: str) -> PaperClaim | None:
    """The paper's claim about arm B against arm A; None where it makes none."""
    every = (*paper_claims(), paper_headline())
    return next((claim for claim in every if (claim.sweep, claim.a, claim.b) == (sweep, a, b)), None)


def standing(claim: PaperClaim, row: FamilyComparison | None) -> Standing:
    """The standing of a claim of the paper before a comparison of ours, by its outcome within its family.

    No evidence of a difference contradicts nothing: only a difference the other way does, or arms that are equivalent
    within a margin. Where the paper calls a difference not significant, equivalence shows that, and a difference
    contradicts it.
    """
    outcome = None if row is None else row.outcome
    if outcome not in ("better", "worse", "equivalent"):
        return "cannot tell"
    if claim.direction == "none":
        return "shown" if outcome == "equivalent" else "contradicted"
    return "shown" if outcome == claim.direction else "contradicted"
