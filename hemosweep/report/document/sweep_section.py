"""A sweep as a section of a report: its tables, its pictures, and each comparison in one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hemosweep.privacy import public
from hemosweep.report.document.case_tables import change_table, flow_table, group_tables, secondary_table
from hemosweep.report.document.costs import cost_table, has_costs
from hemosweep.report.document.document import Block, Document, Gallery, Items, Picture, Section, Text
from hemosweep.report.document.facts import PairFacts, SweepFacts
from hemosweep.report.document.paper_tables import paper_section
from hemosweep.report.document.provenance import Origin, provenance_tables
from hemosweep.report.document.reading_tables import readings_section
from hemosweep.report.document.statistics_tables import (
    claim_table,
    rank_table,
    seed_table,
    statistics_table,
    test_table,
)
from hemosweep.report.document.sweep_tables import glance_table, group_table, verdict_table
from hemosweep.report.paper.printed import paper_notes, paper_place
from hemosweep.report.terminal.table import ARROW

PAPER_CITATION = (
    "Abramova et al. 2021, Hemorrhagic stroke lesion segmentation using a 3D U-Net with squeeze-and-excitation blocks, "
    "Computerized Medical Imaging and Graphics 90:101908, doi 10.1016/j.compmedimag.2021.101908"
)
NO_REPRODUCTION = "These figures are no reproduction of the paper."
_READING = (
    "Columns named paper hold what the paper prints, and its verdict is the bound that it prints for p; a dash says "
    "that it prints nothing. Columns named ours are of the runs in this report: each case is tested once, by a network "
    "that never saw it. A difference is taken case by case over the cases that both arms have. Its interval and the "
    "paper's dependent t-test take the trained networks as given: they cover the choice of cases, not that of the seed "
    "or of the training cases.",
    "Our verdict rests on a claim: that the difference would be there, too, if both arms were trained again. Its p "
    "counts cases, seeds and folds once each, and is corrected for the number of comparisons that the ablation "
    "declared before any training (Holm). Where the paper's test finds a difference and the claim does not hold, the "
    "verdict says higher or lower on these trained models, and there is no claim. Arms are not comparable where two "
    "runs differ in data, folds, metric digest or checkpoint rule: then no figure is given.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepPictures:
    """The figures of a sweep: those about all of it, those of its arms' cost, and those of each comparison (A, B)."""

    overview: tuple[Picture, ...] = ()
    costs: tuple[Picture, ...] = ()
    by_pair: Mapping[tuple[str, str], tuple[Picture, ...]]


def report_document(
    sweeps: Sequence[SweepFacts], pictures: Mapping[str, SweepPictures], origin: Origin | None = None
) -> Document:
    """The report of these sweeps, in their order.

    Args:
        pictures: those of each sweep, by its name.
        origin: where it is made. Without `Origin.is_named` no text of the report names a folder.
    """
    document = _document(sweeps, pictures)
    if origin is not None and origin.is_named:
        return replace(document, sections=(*document.sections, origin.section()))
    return public(document, () if origin is None else origin.places)


def _document(sweeps: Sequence[SweepFacts], pictures: Mapping[str, SweepPictures]) -> Document:
    several = len(sweeps) > 1
    of_paper = any(paper_place(sweep.printed) for sweep in sweeps)
    opening: tuple[Block, ...] = tuple(Text(text=text) for text in (_READING if of_paper else _READING[1:]))
    if several and any(sweep.pairs for sweep in sweeps):
        opening = (glance_table(sweeps), *opening)
    names = ", ".join(sweep.name for sweep in sweeps)
    about_paper = paper_section(sweeps)
    return Document(
        title=f"hemosweep: {'the study' if several else names}{' beside the paper' if of_paper else ''}",
        lead=f"{'Ablations' if several else 'Ablation'} {names}.{f' The paper: {PAPER_CITATION}.' if of_paper else ''}",
        notices=tuple(dict.fromkeys(notice for sweep in sweeps for notice in sweep.notices)),
        sections=(
            Section(title="At a glance" if several else "How to read it", anchor="reading", blocks=opening),
            *(() if about_paper is None else (about_paper,)),
            *(sweep_section(sweep, pictures[sweep.name]) for sweep in sweeps),
            readings_section(),
        ),
    )


def sweep_section(sweep: SweepFacts, pictures: SweepPictures) -> Section:
    place = paper_place(sweep.printed)
    where = f"{place} of the paper" if place else "not in the paper"
    blocks: list[Block] = [Text(text=f"{sweep.question} ({where}.)")]
    if sweep.missing:
        blocks.append(Text(text="Not complete: the missing parts named here are in no figure below.", is_notice=True))
        blocks.append(Items(entries=tuple(("", text) for text in sweep.missing)))
    blocks.append(verdict_table(sweep))
    if pictures.overview:
        blocks.append(Gallery(pictures=pictures.overview))
    blocks.append(group_table(sweep))
    notes = [("", note) for arm in sweep.arms if arm.cases is not None for note in paper_notes(sweep.printed, arm.name)]
    if notes:
        blocks.append(Items(entries=tuple(notes)))
    sections = []
    if has_costs(sweep):
        gallery: list[Block] = [Gallery(pictures=pictures.costs)] if pictures.costs else []
        sections.append(_section(sweep, "Costs", [cost_table(sweep), *gallery]))
    flow = flow_table(sweep)
    if flow is not None:
        sections.append(_section(sweep, "Cases", [flow]))
    if sweep.pairs:
        sections.append(_section(sweep, "Tests", [test_table(sweep), claim_table(sweep)]))
    if sweep.secondary and sweep.pairs:
        sections.append(_section(sweep, "Other metrics", [secondary_table(sweep, one) for one in sweep.secondary]))
    if sweep.groupings:
        sections.append(_section(sweep, "Groups of cases", group_tables(sweep)))
    ranks = rank_table(sweep)
    if ranks is not None:
        sections.append(_section(sweep, "Ranks", [ranks]))
    sections += [
        _pair_section(sweep, place, pair, pictures.by_pair.get(pair.key, ())) for place, pair in enumerate(sweep.pairs)
    ]
    seeds = seed_table(sweep)
    if seeds is not None:
        sections.append(_section(sweep, "Seeds alone", [seeds]))
    if sweep.runs:
        sections.append(_section(sweep, "Provenance", provenance_tables(sweep)))
    title = f"{sweep.name}: {place}" if place else sweep.name
    return Section(title=title, anchor=sweep.name, blocks=tuple(blocks), sections=tuple(sections))


def _section(sweep: SweepFacts, title: str, blocks: Sequence[Block]) -> Section:
    anchor = f"{sweep.name}-{title.split()[0].lower()}"
    return Section(title=title, anchor=anchor, blocks=tuple(blocks))


def _pair_section(sweep: SweepFacts, place: int, pair: PairFacts, pictures: Sequence[Picture]) -> Section:
    verdict = pair.reason if pair.row is None else pair.row.verdict
    blocks: list[Block] = [Text(text=verdict)]
    remarks = [*pair.remarks]
    if pair.row is not None:
        remarks += pair.row.comparison.warnings
    if remarks:
        blocks.append(Items(entries=tuple(("Note", text) for text in dict.fromkeys(remarks))))
    statistics = statistics_table(pair)
    if statistics is not None:
        blocks.append(statistics)
    changes = change_table(sweep, pair)
    if changes is not None:
        blocks.append(changes)
    if pictures:
        blocks.append(Gallery(pictures=tuple(pictures)))
    if isinstance(pair.overlay, str) and pair.overlay:
        blocks.append(Text(text=pair.overlay))
    return Section(title=f"{pair.a} {ARROW} {pair.b}", anchor=f"{sweep.name}-{place + 1}", blocks=tuple(blocks))
