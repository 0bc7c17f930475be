"""The chapter of a report about the paper, with answers by hand."""

from dataclasses import replace

import pandas as pd
import pytest

from hemosweep.ablation.catalogue import known_sweeps
from hemosweep.report.document.document import Items, Table
from hemosweep.report.document.facts import ArmFacts, CaseShape, PairFacts, SweepFacts, Times
from hemosweep.report.document.latex import to_latex
from hemosweep.report.document.markdown import to_markdown
from hemosweep.report.document.page import to_page
from hemosweep.report.document.paper_tables import paper_section
from hemosweep.report.document.sweep_section import SweepPictures, report_document
from hemosweep.report.paper.discussion import discussed_groups
from hemosweep.report.paper.published import published_results
from hemosweep.scores.catalogue import find_metric
from hemosweep.stats.multiple_testing import adjusted
from hemosweep.stats.paired import paired_comparison

SWEEPS = {name: listed.sweep.declaration for name, listed in known_sweeps().items() if listed.search is None}


def study():
    """Every ablation of the paper, each comparison not finished."""
    return [
        SweepFacts(
            name=name,
            question="?",
            arms=tuple(ArmFacts(name=arm, missing="not trained") for arm in declared.arms),
            pairs=tuple(
                PairFacts(a=a, b=b, verdict="not finished", reason="Not compared.") for a, b in declared.comparisons
            ),
            runs=(),
        )
        for name, declared in SWEEPS.items()
    ]


def compared(sweep, a, b, steps):
    """An ablation with one comparison of eight cases in four folds."""
    first = {f"c{place}": 0.5 + 0.01 * place for place in range(8)}
    second = {case: dsc + step for (case, dsc), step in zip(first.items(), steps, strict=True)}
    folds = {case: place % 4 for place, case in enumerate(first)}
    (row,) = adjusted([(a, b)], [paired_comparison(first, second, folds_a=folds, folds_b=folds)], 1)
    return SweepFacts(name=sweep, question="?", arms=(), pairs=(PairFacts(a=a, b=b, row=row),), runs=())


def tables(section):
    return {block.caption.split(":")[0].split(".")[0]: block for block in section.blocks if isinstance(block, Table)}


CLAIMS = "The paper's claims of significance, and ours"


def test_a_study_has_all_18_claims_and_each_finds_its_declared_comparison():
    rows = tables(paper_section(study()))[CLAIMS].rows
    assert len(rows) == 18
    assert {row[6] for row in rows} == {"not finished"}, "none is missing among the declared comparisons"
    assert all(row[5].startswith(("better", "worse", "not significant")) for row in rows)
    assert [row[1] for row in rows].count("augmentation") == 5


def test_a_claim_whose_ablation_is_not_in_the_report_says_so():
    pair = [sweep for sweep in study() if sweep.name in ("se", "loss")]
    rows = tables(paper_section(pair))[CLAIMS].rows
    assert len(rows) == 18
    assert [row[6] for row in rows].count("not in this report") == 16


def test_a_report_of_one_ablation_has_its_own_claims_beside_ours():
    section = paper_section([compared("se", "unet", "se_unet", (0.10, 0.12) * 4)])
    ((where, sweep, pair, paper, ours, verdict, own, p, stands),) = tables(section)[CLAIMS].rows
    assert (where, sweep, pair, paper) == ("Section 3.1", "se", "unet → se_unet", "+0.063")
    assert ours.startswith("+0.110 [+0.1")
    assert (verdict.replace("\N{NO-BREAK SPACE}", " "), stands) == ("better (p < 0.01)", "shown")
    assert own.startswith("better")
    assert p == "<\N{NO-BREAK SPACE}0.0001"
    (notes,) = [block for block in section.blocks if isinstance(block, Items)]
    assert [lead for lead, _ in notes.entries] == ["Tables 2 and 3"]


def test_another_metric_and_another_ablation_have_no_chapter_about_the_paper():
    se = compared("se", "unet", "se_unet", (0.10, 0.12) * 4)
    assert paper_section([replace(se, metric=find_metric("nsd"))]) is None
    assert paper_section([replace(se, name="my-own")]) is None


def final(**changes):
    cases = pd.DataFrame(
        {
            "case_id": list("abcdefgh"),
            "ivh": ["yes", "yes", "no", "no", "no", "no", "no", "no"],
            "score": [0.60, 0.75, 0.65, 0.81, 0.85, 0.91, 0.95, 0.70],
        }
    )
    facts = compared("final", "unet", "final", (0.10, 0.12) * 4)
    return replace(facts, arms=(ArmFacts(name="final", seeds=(0,), cases=cases), ArmFacts(name="unet")), **changes)


def test_the_headline_of_the_abstract_stands_beside_ours_without_a_p():
    (row,) = tables(paper_section([final()]))["What the abstract claims"].rows
    assert (row[0], row[2], row[3], row[5], row[8]) == (
        "abstract", "unet → final", "+0.097", "better (no p given)", "shown"
    )  # fmt: skip


def test_the_papers_times_stand_beside_ours():
    times = tables(paper_section([final(times=Times(epoch_s=3.21, case_s=0.456, preparation_s=90))]))
    assert times["Times of the final configuration"].rows == (
        ("Segmentation, seconds a patient", "17", "0.46"),
        ("Training, seconds an epoch", "333", "3.2"),
        ("Preparation with the symmetric image, minutes an image", "4", "1.5"),
    )
    unknown = tables(paper_section([final()]))["Times of the final configuration"]
    assert [row[2] for row in unknown.rows] == ["–"] * 3


def test_the_groups_of_the_discussion_are_the_same_share_of_our_cases():
    # 14 of 76 of eight cases are 1.47, one case; 17 of 76 are 1.79, two cases.
    shapes = {case: CaseShape(volume_ml=10.0 - place, sphericity=0.1 * place) for place, case in enumerate("abcdefgh")}
    (groups,) = [table for name, table in tables(paper_section([final(shapes=shapes)])).items() if "Groups" in name]
    assert groups.rows == (
        ("all cases", "DSC above 0.8", "85%", "50%"),
        ("all cases", "DSC above 0.9", "33%", "25%"),
        ("all cases", "DSC below 0.7", "4 of 76", "2 of 8"),
        ("DSC below 0.7", "with IVH", "3 of 4", "1 of 2"),
        ("small lesions", "DSC above 0.8", "13 of 14", "0 of 1"),  # h, of 3 mL
        ("small lesions", "lowest DSC", "0.742", "0.700"),
        ("irregular lesions", "DSC below 0.8", "3 of 17", "2 of 2"),  # a and b
    )


def test_without_the_data_set_the_groups_by_shape_are_left_out_and_an_unknown_ivh_is_told():
    rows = discussed_groups([{"a": 0.5, "b": 0.6}], {"a": "n/a", "b": "yes"}, {}, {})
    assert [row.group for row in rows] == ["all cases"] * 3 + ["DSC below 0.7"]
    assert rows[3].ours == ("1 of 2 (1 not known)",)


def test_table_6_has_the_metric_and_the_test_set_of_each_figure_and_calls_none_comparable():
    table = tables(paper_section(study()))["The paper's Table 6"]
    assert "not comparable" in table.caption
    assert table.columns[2].name == "Published (not comparable)"
    by_author = {row[0]: row for row in table.rows}
    assert by_author["Wang 2018"][2] == "–"
    assert by_author["Singh 2019"][3] == "no DSC of masks"
    assert "Ker" in by_author["Singh 2019"][5]
    assert by_author["Patel 2019"][3] == "median DSC"
    assert by_author["Kuang 2020"][2] == "0.950 and 0.894"
    assert len(published_results()) == 10


@pytest.mark.parametrize(
    "write",
    [
        lambda document, folder: to_page(document, folder),
        lambda document, _: to_markdown(document),
        lambda document, _: to_latex(document),
    ],
    ids=["page", "markdown", "latex"],
)
def test_claims_and_table_6_are_in_every_form_of_a_report(write, tmp_path):
    document = report_document(study(), {name: SweepPictures(by_pair={}) for name in SWEEPS})
    text = write(document, tmp_path)
    for part in ("claims of significance", "Sharrock 2020", "not comparable", "The paper disagrees with itself"):
        assert part in text
