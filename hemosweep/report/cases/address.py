"""Addresses of a case page, which open it on a comparison or a case."""

from urllib.parse import urlencode

from hemosweep.report.names import safe_name

CASES = "cases"
"""Folder of the case pages beside a report."""


def sweep_page(sweep: str) -> str:
    """Place of a sweep's case page beside a report."""
    return f"{CASES}/{safe_name(sweep)}.html"


def pair_page(sweep: str, a: str, b: str) -> str:
    """Place of the case page of one comparison alone."""
    return f"{CASES}/{safe_name(f'{sweep}-{a}-to-{b}')}.html"


def case_address(page: str, a: str, b: str, case_id: str | None = None) -> str:
    """Address of a case page that opens on the comparison of two arms, and on a case of it."""
    asked = {"a": a, "b": b} | ({} if case_id is None else {"case": case_id})
    return f"{page}#{urlencode(asked)}"
