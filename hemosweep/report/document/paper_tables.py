"""The chapter of a report about the paper: its claims beside ours, its times and groups, its Table 6, and where it
disagrees with itself."""

from collections.abc import Sequence

from hemosweep.report.document.cells import difference, our_difference
from hemosweep.report.document.document import Block, Column, Items, Section, Table, Text
from hemosweep.report.document.facts import PairFacts, SweepFacts, Times
from hemosweep.report.document.provenance import hardware
from hemosweep.report.document.published_tables import own_results, published_blocks
from hemosweep.report.paper.claims import PaperClaim, paper_claims, paper_headline, standing
from hemosweep.report.paper.discussion import discussed_groups
from hemosweep.report.paper.printed import paper_difference, paper_place, paper_results
from hemosweep.report.paper.verdicts import our_verdict, p_value, paper_verdict
from hemosweep.report.terminal.table import ARROW, MINUS, UNDEFINED

FINAL = "final"
"""The ablation of the paper's final configuration, with which its times, its groups and its Table 6 belong."""
NOT_HERE = "not in this report"
_MINUTE_S = 60.0


def paper_section(sweeps: Sequence[SweepFacts]) -> Section | None:
    """The chapter about the paper; None for ablations that it does not print and that are not about its Table 6.

    A report of several ablations has all claims of the paper; that of one has its own.
    """
    printed = {sweep.printed: sweep for sweep in sweeps if paper_place(sweep.printed) is not None}
    ours = own_results(sweeps)
    whole = len(sweeps) > 1 and bool(printed)
    blocks: list[Block] = []
    claims = [claim for claim in paper_claims() if whole or claim.sweep in printed]
    if claims:
        blocks.append(claims_table(claims, printed))
    if whole or FINAL in printed:
        blocks.append(headline_table(printed))
        blocks += [] if FINAL not in printed else _about_final(printed[FINAL])
    if whole or FINAL in printed or ours:
        blocks += published_blocks(ours)
    notes = [note for note in paper_results()["contradictions"] if whole or note["sweep"] in printed]
    if notes:
        blocks.append(Text(text="The paper disagrees with itself here:"))
        blocks.append(Items(entries=tuple((note["where"], note["note"]) for note in notes)))
    title = "The paper's claims" if printed else "The paper's Table 6"
    return Section(title=title, anchor="paper", blocks=tuple(blocks)) if blocks else None


def claims_table(claims: Sequence[PaperClaim], sweeps: dict[str, SweepFacts]) -> Table:
    """The claims of significance that the paper prints, a row each, beside our comparisons."""
    notes = list(dict.fromkeys(claim.note for claim in claims if claim.note))
    marks = {note: "abcdefgh"[place] for place, note in enumerate(notes)}
    footnotes = "".join(f" ({mark}) {note}" for note, mark in marks.items())
    return Table(
        caption=f"The paper's claims of significance, and ours: A {ARROW} B is B {MINUS} A in mean DSC. A claim is "
        "shown where our claim says the same after Holm. It is contradicted where ours says the opposite, or, with a "
        "margin, equivalent. Where the paper finds no significant difference, equivalence shows that and a difference "
        "contradicts it. Everything else cannot tell: no evidence of a difference contradicts nothing."
        f"{footnotes}",
        columns=(
            Column(name="Claim of", align="left"),
            Column(name="Ablation", align="left"),
            Column(name=f"A {ARROW} B", align="left"),
            Column(name="paper", group="Difference in DSC"),
            Column(name="ours [95% CI]", group="Difference in DSC"),
            Column(name="paper", group="Verdict", align="left"),
            Column(name="ours", group="Verdict", align="left"),
            Column(name="p of the paper's test"),
            Column(name="The claim is", align="left"),
        ),
        rows=tuple(_claim_row(claim, sweeps, f" ({marks[claim.note]})" if claim.note else "") for claim in claims),
    )


def headline_table(sweeps: dict[str, SweepFacts]) -> Table:
    """The abstract's claim about the final configuration, in the columns of `claims_table`."""
    headline = paper_headline()
    table = claims_table([headline], sweeps)
    caption = (
        f"What the abstract claims: the final configuration against the baseline U-Net. {headline.note} Its means are "
        "those of Tables 2 and 4."
    )
    return Table(caption=caption, columns=table.columns, rows=(_claim_row(headline, sweeps, ""),))


def _claim_row(claim: PaperClaim, sweeps: dict[str, SweepFacts], mark: str) -> tuple[str, ...]:
    pair = _pair(claim, sweeps)
    row = None if pair is None else pair.row
    verdict = NOT_HERE if pair is None else pair.verdict if row is None else our_verdict(row)
    return (
        f"{claim.where}{mark}",
        claim.sweep,
        f"{claim.a} {ARROW} {claim.b}",
        difference(paper_difference(claim.sweep, claim.a, claim.b)),
        our_difference(row),
        paper_verdict(claim.sweep, claim.a, claim.b),
        verdict,
        UNDEFINED if row is None else p_value(row.comparison.p),
        UNDEFINED if row is None else standing(claim, row),
    )


def _pair(claim: PaperClaim, sweeps: dict[str, SweepFacts]) -> PairFacts | None:
    if claim.sweep not in sweeps:
        return None
    return next((pair for pair in sweeps[claim.sweep].pairs if pair.key == (claim.a, claim.b)), None)


def _about_final(sweep: SweepFacts) -> list[Block]:
    groups = groups_table(sweep)
    return [times_table(sweep), *([] if groups is None else [groups])]


def times_table(sweep: SweepFacts) -> Table:
    """The times that the paper prints for its final configuration, and ours."""
    printed, own = paper_results(), sweep.times or Times()
    known = sorted({hardware(run) for run in sweep.runs if run.arm == FINAL} - {UNDEFINED})
    devices = f", ours on {' / '.join(known)}" if known else ""
    preparation_min = None if own.preparation_s is None else own.preparation_s / _MINUTE_S
    return Table(
        caption=f"Times of the final configuration: the paper's on a TITAN V with 12 GB{devices}. They depend on the "
        "device, the profile and the size of the data set. Ours are means: of a patient with reading and scores, of an "
        "epoch with its validation, of an image as it was prepared, maybe beside others. A dash: not known.",
        columns=(Column(name="Time", align="left"), Column(name="paper"), Column(name="ours")),
        rows=(
            ("Segmentation, seconds a patient", f"{printed['seconds_per_patient']}", _time(own.case_s)),
            ("Training, seconds an epoch", f"{printed['seconds_per_epoch']}", _time(own.epoch_s)),
            (
                "Preparation with the symmetric image, minutes an image",
                f"{printed['preprocess_minutes_per_image']}",
                _time(preparation_min),
            ),
        ),
    )


def _time(value: float | None) -> str:
    """A time in two digits, or in whole units."""
    return UNDEFINED if value is None else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def groups_table(sweep: SweepFacts) -> Table | None:
    """The groups of cases that the paper's discussion names; None where no arm is finished."""
    finished = [(arm.name, arm.cases) for arm in sweep.arms if arm.cases is not None]
    if not finished:
        return None
    scores = [
        {case: float(dsc) for case, dsc in zip(cases["case_id"], cases["score"], strict=True) if dsc == dsc}
        for _, cases in finished
    ]
    ivh = {case: label for _, cases in finished for case, label in zip(cases["case_id"], cases["ivh"], strict=True)}
    volumes_ml = {case: shape.volume_ml for case, shape in sweep.shapes.items()}
    sphericities = {case: shape.sphericity for case, shape in sweep.shapes.items()}
    without = "" if sweep.shapes else " Without the data set of the runs (--data) the lesions' shapes are not known."
    return Table(
        caption="Groups of the paper's discussion (Section 4), which does not say where a lesion begins to be small or "
        "irregular. Ours are the same share of all cases: small are those of the smallest volume (14 of 76), irregular "
        f"those of the least sphericity (17 of 76; Wadell 1935, with the surface of marching cubes).{without}",
        columns=(
            Column(name="Group", align="left"),
            Column(name="Question", align="left"),
            Column(name="paper"),
            *(Column(name=name, group="ours") for name, _ in finished),
        ),
        rows=tuple(
            (result.group, result.question, result.paper, *result.ours)
            for result in discussed_groups(scores, ivh, volumes_ml, sphericities)
        ),
    )
