"""File names for arms, whose own names hold `/`, `|`, `>` and `+`."""

import hashlib
import re

WORDS = {"->": "_to_", "/": "__", "|": "_or_", "+": "_and_"}
MAX_LENGTH = 80


def safe_name(text: str) -> str:
    """A file name, on any file system, that tells which text it stands for: `a+b/c` gives `a_and_b__c`.

    Different texts get different names, also where upper and lower case count the same: a name that does not read back
    as its text, or is too long, ends in a digest of the text.
    """
    name = text
    for sign, word in WORDS.items():
        name = name.replace(sign, word)
    name = re.sub(r"[^A-Za-z0-9_.@-]+", "-", name).strip(".-")
    read_back = name.lower()
    for sign, word in WORDS.items():
        read_back = read_back.replace(word, sign)
    if name and read_back == text and len(name) <= MAX_LENGTH:
        return name
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{name[:MAX_LENGTH]}-{digest}".lstrip("-")
