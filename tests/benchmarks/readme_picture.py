"""The README's picture: the table of a sweep, its forest plot, and a case with the predictions of two arms."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from hemosweep.report.document.facts import Overlay, PairFacts
from hemosweep.report.paper.printed import paper_difference
from hemosweep.report.plots.arm_plots import STYLE, save
from hemosweep.report.plots.forest import draw_forest
from hemosweep.report.slices.pairs import PANEL_INCHES, Change, PairArm, _Row, draw_pair
from hemosweep.workflows.declared import find_declared
from hemosweep.workflows.reporting.facts import gather
from hemosweep.workflows.reporting.source import ReportSource

DPI = 160
LINE_INCHES, LETTER_INCHES, FONT_POINTS = 0.145, 0.0702, 8.4
MARGIN, GAP = 20, 26
CASE_INCHES = 3 * PANEL_INCHES


def draw(out: Path, sweep: str, printed: str, path: Path) -> None:
    """Draw the three parts, each by the figure code of the report, one below the other.

    Args:
        printed: the tables of the sweep as the command printed them.
    """
    facts = gather(ReportSource(out, None), find_declared(out, sweep))
    paper = {(row.a, row.b): paper_difference(facts.printed, row.a, row.b) for row in facts.rows}
    with tempfile.TemporaryDirectory() as temporary:
        files = [Path(temporary) / name for name in ("table.png", "forest.png", "case.png")]
        draw_table(printed, files[0])
        draw_forest(
            list(facts.rows),
            files[1],
            title=f"{sweep}: differences in {facts.metric.label}",
            paper={pair: value for pair, value in paper.items() if value is not None},
            dpi=DPI,
        )
        width = Image.open(files[1]).width
        draw_case(facts.pairs[0], files[2], dpi=round(width / CASE_INCHES))
        compose([Image.open(file).convert("RGB") for file in files], path)


def draw_table(printed: str, path: Path) -> None:
    """The tables of a sweep in the letters of a terminal, up to the verdicts."""
    lines = printed.splitlines()
    arrows = [place for place, line in enumerate(lines) if " → " in line and line[:1] != " "]
    lines = lines[: arrows[-1] + 1]
    second = next(place for place, line in enumerate(lines) if line.split() and line.split()[0] == "difference")
    lines[second:second] = [""]
    width = max(map(len, lines)) * LETTER_INCHES + 0.2
    with mpl.rc_context({**STYLE, "font.family": "monospace", "font.monospace": ["DejaVu Sans Mono"]}):
        figure = Figure(figsize=(width, LINE_INCHES * len(lines) + 0.15))
        style: Any = {"va": "top", "fontsize": FONT_POINTS, "linespacing": 1.0}
        for place, line in enumerate(lines):
            y = 1.0 - (0.06 + LINE_INCHES * place) / figure.get_figheight()
            figure.text(0.1 / width, y, line, **style)
        save(figure, path, dpi=DPI)


def draw_case(pair: PairFacts, path: Path, *, dpi: int) -> None:
    """The case that gained most from one arm to the other, of those whose slice shows what both have found of it."""
    if not isinstance(pair.overlay, Overlay):
        raise SystemExit(f"error: {pair.overlay}")
    arms = (pair.overlay.a, pair.overlay.b)
    shown = next(_telling(pair.overlay, arms))

    def only(arm: PairArm) -> PairArm:
        return replace(arm, cases=arm.cases[arm.cases["case_id"] == shown])

    draw_pair(
        only(arms[0]),
        only(arms[1]),
        pair.overlay.cases,
        path,
        lesion_label=pair.overlay.lesion_label,
        subject="a case under both arms",
        dpi=dpi,
    )


def _telling(overlay: Overlay, arms: tuple[PairArm, PairArm]) -> Iterator[str]:
    """Ids of the cases that gained, the largest gain first, whose slice holds the lesion and both predictions."""
    by_id = {case.case_id: case for case in overlay.cases}
    a, b = (arm.cases.set_index("case_id")["dsc"] for arm in arms)
    for case_id in (b - a).sort_values(ascending=False).index:
        change = Change(case_id=case_id, dsc_a=a[case_id], dsc_b=b[case_id])
        row = _Row.read(change, arms, by_id[case_id], overlay.lesion_label)
        if all(mask_HW.any() for mask_HW in (row.reference_HW, *row.predictions_HW)):
            yield case_id


def compose(parts: list[Image.Image], path: Path) -> None:
    """The parts below each other on white, each behind its letter."""
    font = ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans-Bold.ttf"), 26)
    left = MARGIN + 34
    width = left + max(part.width for part in parts) + MARGIN
    height = 2 * MARGIN + sum(part.height for part in parts) + GAP * (len(parts) - 1)
    page = Image.new("RGB", (width, height), "white")
    pen, top = ImageDraw.Draw(page), MARGIN
    for letter, part in zip("abc", parts, strict=True):
        page.paste(part, (left, top))
        pen.text((MARGIN - 6, top), letter, fill="black", font=font)
        top += part.height + GAP
    few = page.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)  # half the size
    few.save(path, optimize=True)
