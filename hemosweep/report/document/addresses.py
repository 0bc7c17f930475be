"""Addresses in a report that lead from a comparison, or from a case of it, to the case page."""

from collections.abc import Sequence

from hemosweep.report.cases.address import case_address
from hemosweep.report.document.facts import PairFacts, SweepFacts


def pair_addresses(pairs: Sequence[tuple[SweepFacts, PairFacts]]) -> tuple[str, ...]:
    """Address of each comparison's cases, empty for one of a sweep without a case page; none where none has one."""
    if not any(sweep.case_page for sweep, _ in pairs):
        return ()
    return tuple(case_address(sweep.case_page, pair.a, pair.b) if sweep.case_page else "" for sweep, pair in pairs)
