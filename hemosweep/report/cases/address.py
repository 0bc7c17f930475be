"""Addresses of a case page, which open it on a comparison or a case."""

from urllib.parse import urlencode


def case_address(page: str, a: str, b: str, case_id: str | None = None) -> str:
    """Address of a case page that opens on the comparison of two arms, and on a case of it."""
    asked = {"a": a, "b": b} | ({} if case_id is None else {"case": case_id})
    return f"{page}#{urlencode(asked)}"
