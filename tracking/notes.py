"""Descriptions of experiments and runs in MLflow's pages: Markdown with tables, verdicts and links to other pages."""

from collections.abc import Mapping, Sequence
from html import escape

from hemosweep.comparison.family import DeclaredPair, Family
from hemosweep.report.paper.verdicts import SPACE, p_value
from hemosweep.report.terminal.table import ARROW, MINUS, PLUS_MINUS, UNDEFINED
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL
from hemosweep.tracking import schema, views

MAX_RUN_NOTE, MAX_EXPERIMENT_NOTE = 8000, 20000
"""Characters of a description at most (MLflow's limits)."""
_OPEN, _WITHDRAWN = "open", "not compared"
_ANSWERS = {
    "better": "better than",
    "worse": "worse than",
    "different": "different from",
    "no_evidence": "no evidence of a difference from",
    "equivalent": "equivalent to",
    "trained_models": "differs on these trained models from",
    "not_comparable": "not comparable with",
    "not_testable": "not testable against",
}


def replicate_note(sweep: str, arm: str, seed: int | str) -> str:
    """Description of an arm's run before its sweep has ended."""
    return f"Arm **{arm}** of ablation **{sweep}**, seed {seed}.\n\n{_CONTENT}"


def group_note(sweep: str, arm: str) -> str:
    """Description of a group of seeds before its sweep has ended."""
    return f"Arm **{arm}** of ablation **{sweep}**, over its seeds.\n\n{_GROUP_CONTENT}"


def earlier_note(sweep: str, arm: str, place: str, *, experiment_id: str, run_id: str) -> str:
    """Description of an earlier run, or group, of an arm.

    Args:
        place: as in `arm_note`.
        run_id: the run that stands for the arm now.
    """
    newer = views.run_page(experiment_id, run_id)
    return f"Arm **{arm}** of ablation **{sweep}**, {place}: an earlier run. [Another one]({newer}) stands for the arm."


def report_note(sweep: str) -> str:
    """Description on the page of a sweep's report."""
    return (
        f"The ablation **{sweep}** beside the paper: `{schema.ARTIFACT_REPORT}/index.html` among the artifacts, the "
        f"same as Markdown and LaTeX. `{schema.ARTIFACT_CASE_PAGE}` has every case of every arm, one click from its "
        "picture. `hemosweep report` brings both up to date."
    )


_CONTENT = (
    f"Scores of every test case: `{schema.ARTIFACT_CASES_TABLE}`. Configuration: the params and "
    f"`{schema.ARTIFACT_CONFIG}`. Learning curves: the child runs, one a fold."
)
_GROUP_CONTENT = (
    "The child runs are its seeds, each with the scores of every test case, and below them the folds. `dsc_mean` is "
    "the mean over the seeds, `dsc_seed_sd` their standard deviation."
)


def arm_note(
    family: Family, arm: str, place: str, *, experiment_id: str, runs: Mapping[str, str], is_group: bool
) -> str:
    """Description of the run that stands for an arm, once its sweep has ended.

    Args:
        place: what the run is, such as "seed 0".
        runs: the run that stands for each arm, by its name.
        is_group: whether it is a group of seeds.
    """
    pairs = [pair for pair in family.pairs if arm in (pair.a, pair.b)]
    verdicts = "; ".join(f"**{_cell(answer(family, pair))}**" for pair in pairs if pair.b == arm)
    # MLflow shows the first lines and folds the rest away.
    parts = [f"Arm **{arm}** of ablation **{family.sweep}**, {place}{f': {verdicts}' if verdicts else ''}."]
    if pairs:
        parts += [_table(family, pairs), _sentences(family, pairs)]
    links = [
        f"[{pair.a} beside {pair.b}]({views.compare_page(experiment_id, [runs[pair.a], runs[pair.b]])})"
        for pair in pairs
        if pair.a in runs and pair.b in runs
    ]
    links.append(f"[all arms]({views.page(experiment_id, views.ARMS, views.TABLE_MODE)})")
    parts += [f"Go to: {' · '.join(links)}", _GROUP_CONTENT if is_group else _CONTENT]
    return _within("\n\n".join(parts), MAX_RUN_NOTE)


def experiment_note(sweep: str, experiment_id: str) -> str:
    """Description of a sweep's experiment before the sweep has ended."""
    return "\n\n".join((f"Ablation **{sweep}**: {_pages(experiment_id)}", _LEGEND, _further(sweep)))


def verdict_note(
    family: Family, *, question: str, experiment_id: str, runs: Mapping[str, str], picture_run: str | None
) -> str:
    """Description of a sweep's experiment once the sweep has ended: question, table, picture, verdicts, pages.

    Args:
        picture_run: the run among whose artifacts the forest plot is; None where there is none.
    """
    answers = "; ".join(f"{_cell(pair.b)} **{_cell(answer(family, pair))}**" for pair in family.pairs)
    # MLflow shows the first line and folds the rest away.
    parts = [f"Ablation **{family.sweep}**: {question} {answers}".strip(), _pages(experiment_id)]
    if family.pairs:
        parts.append(_table(family, family.pairs))
        if picture_run is not None:
            parts.append(_forest_text(family, experiment_id, picture_run))
        parts.append(_sentences(family, family.pairs))
    compared = [runs[arm] for pair in family.pairs for arm in (pair.a, pair.b) if arm in runs]
    if len(set(compared)) > 1:
        parts.append(f"[The compared arms side by side]({views.compare_page(experiment_id, compared)})")
    return _within("\n\n".join((*parts, _LEGEND, _further(family.sweep))), MAX_EXPERIMENT_NOTE)


def answer(family: Family, pair: DeclaredPair) -> str:
    """The verdict on B in a few words, such as "better than focal"."""
    row = family.row_of(pair)
    if row is not None:
        return f"{_ANSWERS[row.outcome]} {pair.a}"
    if pair.refused:
        return f"{_ANSWERS['not_comparable']} {pair.a}"
    return f"{_WITHDRAWN} with {pair.a}" if pair.failed else f"{_OPEN}: {pair.missing or 'not compared yet'}"


def _within(text: str, length: int) -> str:
    """A description that MLflow takes: a longer one ends after a whole line, and says where the rest is."""
    if len(text) <= length:
        return text
    rest = f"\n\nThe rest is in `{schema.ARTIFACT_COMPARISONS}`, among the artifacts of the baseline's run."
    return text[: text.rfind("\n", 0, length - len(rest))] + rest


def _pages(experiment_id: str) -> str:
    pages = {text: views.page(experiment_id, view, mode) for text, (view, mode) in views.PAGES.items()}
    return " · ".join(f"[{text}]({address})" for text, address in pages.items())


_LEGEND = (
    "One run per arm, one child run per fold; where an arm has several seeds, these lie between them. MLflow loads 100 "
    "runs at a time: the means of the learning curves are over those that *Load more* has brought. `dsc_*` of an arm "
    "are taken over the test cases of all its folds (sample standard deviation); cases with an empty reference have no "
    "DSC and are left out (`num_undefined`). `dsc_ivh_*`, `dsc_no_ivh_*`: cases with and without intraventricular "
    "hemorrhage. Every other score of `cases.json` has its mean over the cases that have it; "
    "`num_undefined_*` counts the rest. `diff_vs_baseline` is the difference to the arm that the tag "
    f"`{schema.TAG_BASELINE}` names; `diff_low` and `diff_high` are its 95% interval over cases, `claim_low` and "
    "`claim_high` that of the claim, which counts seeds and folds too; `claim_p_holm` is the claim's p after Holm."
)


def _further(sweep: str) -> str:
    return (
        f"In a terminal: `hemosweep compare {sweep}/A {sweep}/B` has every statistic of two arms. "
        f"`hemosweep report {sweep}` logs the whole ablation beside the paper as the artifacts of the run "
        f"`{schema.REPORT_NAME}`."
    )


def _table(family: Family, pairs: Sequence[DeclaredPair]) -> str:
    label = next((row.comparison.metric.label for row in family.rows), "score")
    head = (f"A {ARROW} B", "n", f"{label} of A", f"{label} of B", f"B {MINUS} A [95% CI]", "Holm p", "verdict on B")
    lines = [head, *(_cells(family, pair) for pair in pairs)]
    # MLflow's tables leave no room between the columns.
    texts = [" | ".join(f"{SPACE}{cell}{SPACE}" for cell in cells) for cells in lines]
    return "\n".join(f"| {text} |" for text in (texts[0], " | ".join(["---"] * len(head)), *texts[1:]))


def _cells(family: Family, pair: DeclaredPair) -> tuple[str, ...]:
    row, names = family.row_of(pair), _cell(f"{pair.a} {ARROW} {pair.b}")
    if row is None:
        reason = pair.refused or pair.failed or pair.missing or "not compared yet"
        return (names, *(UNDEFINED,) * 5, _cell(reason))
    comparison = row.comparison
    number = comparison.metric.number

    def mean(value: float | None, sd: float | None) -> str:
        if value is None:
            return UNDEFINED
        return number(value) if sd is None else f"{number(value)} {PLUS_MINUS} {number(sd)}"

    difference = UNDEFINED
    if comparison.mean_diff is not None:
        difference = number(comparison.mean_diff, sign="+")
        if comparison.ci95 is not None:
            low, high = (number(bound, sign="+") for bound in comparison.ci95)
            difference += f" [{low}, {high}]"
    return (
        names,
        str(comparison.n),
        mean(comparison.mean_a, comparison.sd_a),
        mean(comparison.mean_b, comparison.sd_b),
        difference.replace("-", MINUS),
        p_value(row.holm_p),
        f"**{_cell(answer(family, pair))}**",
    )


def _sentences(family: Family, pairs: Sequence[DeclaredPair]) -> str:
    rows = [row for pair in pairs if (row := family.row_of(pair)) is not None]
    lines = [f"- {_cell(row.a)} {ARROW} {_cell(row.b)}: {_cell(row.verdict)}" for row in rows]
    lines.append(
        f"- Claims count cases, seeds and folds; Holm adjusts them over {family.num_declared} declared "
        f"comparison{'s' * (family.num_declared != 1)}."
    )
    return "\n".join(lines)


def _forest_text(family: Family, experiment_id: str, run_id: str) -> str:
    """The forest plot in words, and its place."""
    drawn = [row for row in family.rows if row.comparison.mean_diff is not None]
    clear = [row for row in drawn if _excludes_zero(row.comparison.ci95)]
    claimed = [row for row in drawn if row.holm_p is not None and row.holm_p < SIGNIFICANCE_LEVEL]
    place = views.artifact_page(experiment_id, run_id, schema.ARTIFACT_FOREST)
    return (
        f"[Forest plot]({place}): one line a comparison, B {MINUS} A. The 95% interval over cases excludes zero in "
        f"{len(clear)} of {len(drawn)}; the claim, which counts seeds and folds too, holds after Holm in "
        f"{len(claimed)} (filled points)."
    )


def _excludes_zero(interval: tuple[float, float] | None) -> bool:
    return interval is not None and (interval[0] > 0 or interval[1] < 0)


def _cell(text: str) -> str:
    """Text that neither ends a cell of a table nor begins HTML."""
    return escape(text, quote=False).replace("|", "\\|").replace("\n", " ")
