"""Names of arms, which hold `/`, `|`, `>` and `+`: as file names, and in narrow columns."""

import hashlib
import re

WORDS = {"->": "_to_", "/": "__", "|": "_or_", "+": "_and_"}
MAX_LENGTH = 80
IN_NAME = re.compile(r"(?<=[A-Za-z][/+|_])(?=[A-Za-z])")
"""Places where a line may end within a name: after a sign between two letters."""


def safe_name(text: str) -> str:
    """Readable file name for a text, valid on any file system: `a+b/c` gives `a_and_b__c`.

    Different texts get different names, even where upper and lower case are the same. A name that cannot be read back
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
