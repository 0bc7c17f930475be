"""Meaning of a header's texts: the part of the body, the kernel.

People write them in several languages, and consoles fill them with what was left there. They may hold names, so
nothing here returns a text of the header but those of its words that are known.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.importers.dicom_study.contrast import plain_letters

if TYPE_CHECKING:
    from hemosweep.data.dicom.header import Header

_HEAD = (
    r"head|brain|skull|crani|cerebr|enceph|encef|cervea|cervello|kopf|schadel|schaedel|schedel|hirn|cabe[zc]a|hoofd"
    r"|hersen|huvud|hjarn|hjern|hlava|mozg|mozek|голов|мозг"
    r"|(?<![a-z])(?:crane|tete|testa|glow[aye]|hode|hoved)(?![a-z])"
)
"""Names of the head and the brain, in plain letters."""
HEAD_NAME = re.compile(_HEAD, re.IGNORECASE)
HEAD_TEXT = re.compile(rf"{_HEAD}|neuro|stroke", re.IGNORECASE)
NECK_TEXT = re.compile(r"(?<![a-z])(neck|hals|carot|c[-_ ]?spine|hws|cervic)", re.IGNORECASE)
OTHER_TEXT = re.compile(
    rf"{NECK_TEXT.pattern}|(?<![a-z])([tl]?[-_ ]?spine|chest|thorax|lung|abd|pelvi|knee|extrem|whole.?body|sinus|face"
    r"|heart|cardiac|coronar|shoulder|liver|kidney|foot|(?:hip|leg|arm|hand|bws|lws)(?![a-z]))",
    re.IGNORECASE,
)
SHARP_TEXT = re.compile(
    r"bone|(?<![a-z])(edge|lung)|sharp|detail|knochen"  # GE and names of presets
    r"|^[bhju][rpvf]?[67]\d"  # Siemens: H60s, B70f, Hr64
    r"|^fc(3\d|5\d|8\d)|^y[b-e]$|^[de]$",  # Toshiba, Philips
    re.IGNORECASE,
)
"""Kernels made for bone: noise drowns blood in them."""
KERNEL_NAME = re.compile(
    r"[a-z]{1,3}[ _]?\d{1,2}[a-z]{0,2}|[a-z]{1,2}"
    r"|standard|std|soft|smooth|bone ?(?:plus)?|detail|edge|lung|chst|sharp|brain|head",
    re.IGNORECASE,
)
"""Names that vendors give to kernels: H31s, FC21, UB, BONEPLUS."""
IMAGE_TYPES = frozenset(
    {
        "ORIGINAL", "DERIVED", "MIXED", "PRIMARY", "SECONDARY", "AXIAL", "LOCALIZER", "MPR", "REFORMATTED", "VOLUME",
        "AVERAGE", "MIP", "MINIP", "MAX_IP", "MIN_IP", "HELIX", "PROJECTION", "CT_SOM5", "SPI", "CSA", "RESAMPLED",
        "NONE",
    }
)  # fmt: skip
"""Values of the image type that scanners write."""
UNKNOWN = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyPart:
    """The part of the body that a series shows. `by` is what says so; `head` is None where nothing does.

    `other` is True where a text that names the head names another part, too. `doubt` is what speaks against it, in a
    few words, or empty.
    """

    head: bool | None
    neck: bool = False
    other: bool = False
    by: str = ""
    doubt: str = ""


def body_part(header: "Header") -> BodyPart:
    """The part of the body, by the first text that names one: the description of the series, its protocol, its
    body-part tag, the description of the study.

    The tag comes late, for consoles leave there what the last protocol had. One of another part is taken for wrong
    where the study is described as one of the head and of nothing else.
    """
    texts = {
        "description": header.description,
        "protocol": header.protocol,
        "body-part tag": header.body_part,
        "study's description": header.study_text,
    }
    texts = {by: plain_letters(text) for by, text in texts.items()}
    named = {by: text for by, text in texts.items() if HEAD_TEXT.search(text) or OTHER_TEXT.search(text)}
    if not named:
        return BodyPart(head=None)
    by, text = next(iter(named.items()))
    tag, of_study = texts["body-part tag"], texts["study's description"]
    if by == "body-part tag" and HEAD_NAME.search(of_study) and not OTHER_TEXT.search(of_study):
        by, text = "study's description", of_study
    head, other = bool(HEAD_TEXT.search(text)), bool(OTHER_TEXT.search(text))
    doubt = ""
    if head and OTHER_TEXT.search(tag) and not HEAD_TEXT.search(tag):
        doubt = "its body-part tag names another part"
    elif not head and HEAD_TEXT.search(tag):
        doubt = "its body-part tag says head"
    return BodyPart(head=head, neck=bool(NECK_TEXT.search(text)), other=head and other, by=f"its {by}", doubt=doubt)


def is_sharp(header: "Header") -> bool:
    """True for a kernel that is made for bone."""
    return bool(SHARP_TEXT.search(header.kernel) or SHARP_TEXT.search(header.description))


def kernel_name(header: "Header") -> str:
    """The kernel, if it is named as vendors name theirs."""
    kernel = header.kernel.strip()
    return "n/a" if not kernel else kernel if KERNEL_NAME.fullmatch(kernel) else UNKNOWN


def image_type(header: "Header") -> str:
    """The values of the image type, those that are none of the standard's replaced."""
    values: Iterable[str] = (value if value in IMAGE_TYPES else UNKNOWN for value in header.image_type)
    return " ".join(values) or "n/a"
