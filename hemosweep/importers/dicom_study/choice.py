"""Choice among the series of a study: which is its plain head CT, which its angiography, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hemosweep.importers.dicom_study.contrast import Contrast, contrast, contrast_reason, words
from hemosweep.importers.dicom_study.texts import body_part, is_sharp

if TYPE_CHECKING:
    from hemosweep.data.dicom import DicomSeries

DERIVED = "is reformatted (derived)"
MIN_HEAD_MM = 100.0
"""A series of at least this extent, or 80% of the longest, covers the brain; others are repeats of a few slices."""
MAX_TOLD = 8
NO_ANGIOGRAPHY = "which is no angiography"
DECIDE = "look at it, and decide with --series or in a table (--dry-run) if it has contrast"
CRITERIA = (
    ("it is surer that it shows the head", "it is less sure that it shows the head"),
    ("it is surer that it has no contrast", "it is less sure that it has no contrast"),
    ("its kernel is for soft tissue", "its kernel is for bone"),
    ("it is described as without contrast", "it is not described as without contrast"),
    ("its slices are thicker", "its slices are thinner"),
    ("it has more slices", "it has fewer slices"),
    ("it comes first", "it comes later"),
)
"""Criteria of `_rank` in words, for the better and for the worse series."""


class Take(StrEnum):
    """Use of a series in its case."""

    CT = "ct"
    CTA = "cta"
    OUT = "out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Use of one series, and the reason, which reads after "series N"."""

    series: "DicomSeries"
    take: Take
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Decisions about the series of one study, in their order; `warnings` are what a person should look at."""

    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...] = ()
    cta_warnings: tuple[str, ...] = ()

    def series(self, take: Take) -> "DicomSeries | None":
        """The series of a use other than OUT, if there is one."""
        return next((one.series for one in self.decisions if one.take is take), None)

    @property
    def refusal(self) -> str:
        """Reasons against each series of a study without a plain head CT."""
        more = "; ..." if self.decisions[MAX_TOLD:] else ""
        reasons = "; ".join(f"{one.series.number}: {one.reason}" for one in self.decisions[:MAX_TOLD])
        return (
            f"no plain head CT among its {len(self.decisions)} series ({reasons}{more}); if one is, import the study "
            "alone with --series, or decide in a table (--dry-run)"
        )

    @property
    def remark(self) -> str:
        """Every decision with its reason, in one sentence."""
        alike: dict[tuple[Take, str], list[str]] = {}
        for one in self.decisions:
            alike.setdefault((one.take, one.reason), []).append(str(one.series.number))
        told = "; ".join(f"{', '.join(numbers)} {take} ({reason})" for (take, reason), numbers in alike.items())
        return f"its {len(self.decisions)} series: {told}"


def choose(group: "Sequence[DicomSeries]", number: int | None = None) -> Choice:
    """Choose among the series of one study.

    Of several plain head CTs the one that most surely shows the head is taken, then the one that most surely has no
    contrast, then the one with a soft-tissue kernel, then the one that is described as without contrast, then the one
    with the thickest slices, then the one with the most. Reformatted series are taken only where there is no other.
    Of the series that are described as angiographies, or else have an agent, the one with the most slices becomes the
    angiography. A head after contrast, or in a venous or late phase, becomes none by itself: the network is to learn
    from arteries. A study without a plain head CT has no angiography either.

    Args:
        number: the series to take as the plain CT.
    """
    against = {one.number: _against(one) for one in group}
    if number is None:
        plain, reasons, warnings = _plain(group, against)
    else:
        plain = next(one for one in group if one.number == number)
        reasons = {one.number: against[one.number] or f"series {number} is asked for" for one in group}
        reasons[number], warnings = "is asked for with --series", ()
    cta, of_cta, cta_warnings = _angiography([one for one in group if one is not plain]) if plain else (None, {}, ())
    reasons |= of_cta

    def take(one: "DicomSeries") -> Take:
        return Take.CT if one is plain else Take.CTA if one is cta else Take.OUT

    return Choice(
        decisions=tuple(Decision(series=one, take=take(one), reason=reasons[one.number]) for one in group),
        warnings=warnings,
        cta_warnings=cta_warnings,
    )


def _plain(
    group: "Sequence[DicomSeries]", against: Mapping[int, str | None]
) -> "tuple[DicomSeries | None, dict[int, str], tuple[str, ...]]":
    """The plain head CT, if there is one, the reason for or against each series, and warnings."""
    reasons = {number: reason or "" for number, reason in against.items()}
    only_derived = None not in against.values()
    fit = [one for one in group if against[one.number] == (DERIVED if only_derived else None)]
    if not fit:
        return None, reasons, ()
    full_mm = min(MIN_HEAD_MM, 0.8 * max(_extent_mm(one) for one in fit))
    full = sorted((one for one in fit if _extent_mm(one) >= full_mm), key=_rank)
    chosen, others = full[0], full[1:]
    for one in fit:
        if one not in full:
            reasons[one.number] = f"covers only {_extent_mm(one):.3g} mm: a repeat of a few slices"
    for one in others:
        reasons[one.number] = f"would do as well as {chosen.number}, but {CRITERIA[_differing(chosen, one)][1]}"
    reasons[chosen.number] = "is the only plain head CT"
    if others:
        best_by = CRITERIA[_differing(chosen, others[0])][0]
        reasons[chosen.number] = f"is the best of {len(full)} plain head CTs: {best_by}"
    warnings = []
    if only_derived:
        reasons[chosen.number] += f", but {DERIVED}"
        warnings.append(f"{chosen.name} is taken, which {DERIVED}: there is no other head CT")
    if others:
        listed = ", ".join(str(number) for number in sorted(one.number for one in others))
        warnings.append(f"{chosen.name} is taken; {listed} would do as well (import the study alone with --series)")
    if of_contrast := _contrast_doubt(chosen, others):
        warnings.append(of_contrast)
    part = body_part(chosen.header)
    if part.head is None:
        doubt = "nothing in its header says which part of the body it shows"
    else:
        doubt = part.doubt and f"{part.by} says head, but {part.doubt}"
    if doubt:
        reasons[chosen.number] += f"; {doubt}"
        warnings.append(f"the CT is taken for one of the head: {doubt}")
    return chosen, reasons, tuple(warnings)


def _contrast_doubt(chosen: "DicomSeries", others: "Sequence[DicomSeries]") -> str | None:
    """A warning where the CT may have contrast: its text may say so, or only the texts tell it from an equal one.

    Two reconstructions of one acquisition do not differ in contrast.
    """
    said = contrast(chosen.header)
    if said is Contrast.UNCLEAR:
        return f"{chosen.name}: its description may mean contrast; {DECIDE}"
    alike = [one for one in others if _rank(one)[:-1] == _rank(chosen)[:-1]]
    alike = [one for one in alike if not chosen.header.acquired or one.header.acquired != chosen.header.acquired]
    differing = [str(one.number) for one in alike if words(one.header) != words(chosen.header)]
    if said is Contrast.SAID_WITHOUT or not differing:
        return None
    return (
        f"{chosen.name} and {', '.join(differing)} are alike but for their descriptions, and none of these says "
        f"whether there is contrast: {chosen.number} is taken; {DECIDE}"
    )


def _angiography(
    group: "Sequence[DicomSeries]",
) -> "tuple[DicomSeries | None, dict[int, str], tuple[str, ...]]":
    """The angiography, if there is one, the reason for and against each series with contrast, and a warning where that
    was a choice."""
    with_contrast = {one.number: f"has contrast ({reason})" for one in group if (reason := contrast_reason(one.header))}
    fit = [one for one in group if one.number in with_contrast and one.refusal is None and not one.header.derived]
    fit = [one for one in fit if _shows_head_or_neck(one)]
    none = [one for one in fit if contrast(one.header) in (Contrast.GIVEN, Contrast.LATE)]
    reasons = {one.number: f"{with_contrast[one.number]}, {NO_ANGIOGRAPHY}" for one in none}
    fit = [one for one in fit if one not in none]
    if not fit:
        return None, reasons, ()
    chosen = min(fit, key=lambda one: (not _is_named_angiography(one), -len(one.paths), one.number))
    others = [one for one in fit if one is not chosen]
    for one in others:
        if _is_named_angiography(one) != _is_named_angiography(chosen):
            why = f"is not described as an angiography, as {chosen.number} is"
        elif len(one.paths) < len(chosen.paths):
            why = f"fewer slices than {chosen.number}"
        else:
            why = f"comes after {chosen.number}, which is alike"
        reasons[one.number] = f"{with_contrast[one.number]}, but {why}"
    has_most = others and len(chosen.paths) >= max(len(one.paths) for one in others)
    reasons[chosen.number] = with_contrast[chosen.number] + (", and the most slices" if has_most else "")
    listed = ", ".join(str(one.number) for one in others)
    return chosen, reasons, (f"{chosen.name} is taken; {listed} have contrast, too",) if others else ()


def _is_named_angiography(one: "DicomSeries") -> bool:
    return contrast(one.header) is Contrast.ANGIOGRAPHY


def _against(one: "DicomSeries") -> str | None:
    """Reason why a series is not imported as a plain head CT."""
    if one.refusal is not None:
        return one.refusal
    part = body_part(one.header)
    elsewhere = f"shows another part of the body ({part.by}{part.doubt and '; '}{part.doubt})"
    if by := contrast_reason(one.header):
        reformatted = f" and {DERIVED}" if one.header.derived else ""
        return f"has contrast ({by})" + (reformatted if _shows_head_or_neck(one) else f" and {elsewhere}")
    if part.head is False:
        return elsewhere
    return DERIVED if one.header.derived else None


def _shows_head_or_neck(one: "DicomSeries") -> bool:
    """True for what may be an angiography of the head: those of the neck reach up into it."""
    part = body_part(one.header)
    return part.head is not False or part.neck


def _rank(one: "DicomSeries") -> tuple[bool, bool, bool, bool, float, int, int]:
    """Sort key, the best first; `CRITERIA` says it in words."""
    assert one.stack is not None
    part = body_part(one.header)
    less_sure = part.other or bool(part.doubt)
    said = contrast(one.header)
    return (
        less_sure,
        said is Contrast.UNCLEAR,
        is_sharp(one.header),
        said is not Contrast.SAID_WITHOUT,
        -round(one.stack.step_mm, 1),
        -len(one.paths),
        one.number,
    )


def _differing(better: "DicomSeries", worse: "DicomSeries") -> int:
    """Number of the first criterion in which two series differ."""
    pairs = zip(_rank(better), _rank(worse), strict=True)
    return next(index for index, (one, other) in enumerate(pairs) if one != other)


def _extent_mm(one: "DicomSeries") -> float:
    return 0.0 if one.stack is None else one.stack.extent_mm
