"""Addresses as messages show them: without a user's name and password, and without a token."""

import re

_BEFORE_HOST = re.compile(r"(?<=://)(?!/)\S*@|(?<!\S)(?!(?:mlflow:)?[\w+.-]+://)[^\s/]*:\S*@")
"""All that stands before the host of an address, or of one that lacks its scheme. A password may hold any character."""
_TOKEN = re.compile(r"[?#]")


def without_credentials(text: str) -> str:
    """A text in which every address has lost its user name and password."""
    return _BEFORE_HOST.sub("", text)


def shown(address: str) -> str:
    """An address for a message: its scheme, host and path. A query may hold a token."""
    first = _TOKEN.search(address)
    if first is not None and "@" in address[first.start() :]:
        # The mark may be part of a password as well.
        return f"{address.partition('://')[0]}://..." if "://" in address else "..."
    return _TOKEN.split(without_credentials(address))[0]
