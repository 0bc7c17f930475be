"""Contrast agent, by a header's texts: whether a series has it, and whether it is an angiography.

Words of a dozen European languages are known, with what denies them. Texts are compared without accents and case.
"""

import re
import unicodedata
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hemosweep.data.dicom.header import Header

_PLAIN_LETTERS = str.maketrans({"ł": "l", "ø": "o", "æ": "ae", "_": " ", "–": "-", "—": "-", "\N{MINUS SIGN}": "-"})
_L, _R = r"(?<![^\W\d])", r"(?![^\W\d])"
"""No letter before, no letter after: a word by itself."""
_NONE_OF_IT = r"w/?o|without|ohne|sans|sin|senza|sem|zonder|bez|uten|utan|uden|без"
_WITHOUT = rf"{_NONE_OF_IT}|pre|vor|avant|prima"
_DENIAL = rf"{_WITHOUT}|no|non|none|not|nil|kein\w*|nicht|nein|nativ\w*|unenhanced|plain"
_WITH = r"w/?|with|post|after|avec|apres|mit|nach|dopo|tras|com|apos|met|med|etter|efter|z|po"
_CON = "con"
"""Means with, and in "WO CON" contrast."""
_AND = r"\W*(?:(?:and|or|und|oder|et|ou|e|y|en|og|och|i)\W+)?"
_FILLER = r"(?:i\.?v\.?|intravenous|iodinated|any|of|the|de|du|di|produit|medio|mezzo|meio|given)"
_ANGIOGRAPHY = (
    rf"angio(?!m[ae]|path)|arteriogra|perfusion|{_L}(?:cta|ctp|perf|willis|arterial\w*|arteriel\w*|arterios[ao]){_R}"
)
_LATE = (
    r"venogra|fle?bogra|phlebogra"
    rf"|{_L}(?:ctv|delay(?:ed)?|spat(?:e|phase|aufnahme)?|tardi\w*|zyln\w*|portal|late[\s-]+(?:phase|venous|scan)"
    rf"|(?:venous|venos\w*|venoes\w*|veineu\w*)(?!\W*(?:sinus|thromb|infarct|congest))){_R}"
)
_GIVEN = (
    r"(?<!high )(?<!high-)(?<!low )(?<!low-)[ck]ontras(?!tsiz)|контраст|(?<!edge )(?<!edge-)enhanc"
    rf"|{_L}(?:ce|cect|inj|inject\w*|injekt\w*|inyec\w*|iniez\w*|mdc|pdc|civ|bolus|post(?:con|km)|c/c{_R}"
    rf"|km(?!-(?!\w))|iomeron|imeron|omnipaque|accupaque|ultravist|isovue|visipaque|optiray|xenetix){_R}"
    rf"|{_L}(?:c|iv) ?\+|\+ ?(?:c|km){_R}"
    rf"|(?<={_L}w/)(?:cont?r?|c|i\.?v\.?){_R}"
)
_SHORT = rf"{_L}(?:{_WITH}|{_CON})[\s/.-]*(?:i\.?v\.?[\s/.-]*)?(?P<short>cont|contr|con|c|i\.?v\.?){_R}"
"""Short forms, which mean contrast only after a preposition: "W CON", "post iv"."""
_CONTRAST = re.compile(rf"(?P<late>{_LATE})|(?P<angiography>{_ANGIOGRAPHY})|(?P<given>{_GIVEN})|{_SHORT}")
_DENIED_BEFORE = re.compile(rf"{_L}(?:{_DENIAL})[\s_./:-]*(?:{_FILLER}[\s_./-]*)*$|{_L}un$")
_DENIED_AFTER = re.compile(
    rf"^\w*\s*(?:[:=]\s*)?(?:(?:was |were )?(?:not|nicht) (?:given|\w+ed)|(?:none|no|nein|nil)(?=\W*$)){_R}"
)
_BOTH = re.compile(
    rf"{_L}(?:(?:{_WITH}|{_CON}){_AND}{_L}(?:{_WITHOUT})|(?:{_WITHOUT}){_AND}{_L}(?:{_WITH})"
    rf"|(?:sin|senza){_AND}{_L}{_CON}){_R}"
)
"""With and without in one text, which says neither."""
_SAID_WITHOUT = re.compile(
    rf"{_L}(?:{_NONE_OF_IT}|nativ\w*|natyw\w*|натив\w*|unenhanced|plain|blanco|basale"
    rf"|non?[\s-]?con\w*|ncct|nect|s/c|pre(?=\W*(?:\d|$)|con)\w*){_R}|[ck]ontrastsiz|{_L}(?:c|iv|km)-(?!\w)"
)
_OPEN_END = re.compile(rf"{_L}(?:{_WITH}|{_CON}|i\.?v\.?)\W*(?:\d[\d.,]*\W*(?:mm)?\W*)*$")
"""A preposition without what follows it: "Head post", "Kopf mit 5.0"."""
_NO_AGENT = (
    r"n(?:/?a)?|null|false|f|unknown|undefined|unspecified|unbekannt|inconnu|desconocid[oa]|sconosciuto|nao|nie|nee|ne"
)
_DENIED_AGENT = re.compile(
    rf"^[\W0]*(?:ml|cc)?$|^\W*(?:{_NO_AGENT})\W*$|^\W*(?:{_DENIAL}){_R}(?!\W*ionic)"
    rf"|{_L}(?:none|nil|no|not|nein|nicht|without|ohne|sans)(?:\W+(?:given|gegeben|used|done|administered))?\W*$"
)
"""Texts of the agent's tag that say that there was none: "NO CONTRAST", "NONE GIVEN", "W/O", "-"."""


class Contrast(Enum):
    """Contrast agent of a series, by its texts.

    The first three are taken for plain. `GIVEN` and `LATE` (a vein shows, an artery hardly) are no angiography. `AGENT`
    is an agent without a word about the phase, which may be one.
    """

    SAID_WITHOUT = 0
    UNSAID = 1
    UNCLEAR = 2
    GIVEN = 3
    LATE = 4
    AGENT = 5
    ANGIOGRAPHY = 6


def plain_letters(text: str) -> str:
    """The text in small letters without accents, its underscores and dashes made alike."""
    parts = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN_LETTERS))
    return "".join(letter for letter in parts if not unicodedata.combining(letter)).translate(_PLAIN_LETTERS)


def contrast(header: "Header") -> Contrast:
    """The contrast of a series by its description (or, without one, its protocol) and its agent.

    One protocol often covers the plain scan and the angiography: it counts where there is nothing better.
    """
    said = _said(plain_letters(header.description or header.protocol))
    if said in (Contrast.GIVEN, Contrast.LATE, Contrast.ANGIOGRAPHY):
        return said
    return said if _DENIED_AGENT.search(plain_letters(header.contrast_agent)) else Contrast.AGENT


def contrast_reason(header: "Header") -> str | None:
    """Text of the header by which a series has contrast; None where it is taken for plain."""
    name = "description" if header.description else "protocol"
    return {
        Contrast.AGENT: "an agent is named",
        Contrast.ANGIOGRAPHY: f"its {name} says angiography or perfusion",
        Contrast.LATE: f"its {name} says a venous or late phase",
        Contrast.GIVEN: f"its {name} says so",
    }.get(contrast(header))


def contrast_column(header: "Header") -> str:
    """Contrast in one word, for a table."""
    return {Contrast.SAID_WITHOUT: "no", Contrast.UNSAID: "no", Contrast.UNCLEAR: "unclear"}.get(
        contrast(header), "yes"
    )


def words(header: "Header") -> frozenset[str]:
    """Words of the text that is read for contrast, numbers left out, to be compared and never printed."""
    return frozenset(re.findall(r"[^\W\d]+", plain_letters(header.description or header.protocol)))


def _said(text: str) -> Contrast:
    """Contrast by a text in plain letters. A word of contrast that is not denied outweighs a denied one."""
    if _BOTH.search(text):
        return Contrast.UNCLEAR
    denied, kinds = False, set()
    for match in _CONTRAST.finditer(text):
        if _DENIED_BEFORE.search(text[: match.start()]) or _DENIED_AFTER.search(text[match.end() :]):
            denied = True
        else:
            kinds.add(match.lastgroup)
    if kinds:
        return Contrast.LATE if "late" in kinds else Contrast.ANGIOGRAPHY if "angiography" in kinds else Contrast.GIVEN
    if denied or _SAID_WITHOUT.search(text):
        return Contrast.SAID_WITHOUT
    return Contrast.UNCLEAR if _OPEN_END.search(text) else Contrast.UNSAID
