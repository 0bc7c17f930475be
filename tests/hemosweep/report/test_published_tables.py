"""The paper's Table 6 beside our own results of its methods."""

from dataclasses import replace

import pandas as pd
import pytest

from hemosweep.ablation.catalogue import known_sweeps
from hemosweep.report.document.document import Table
from hemosweep.report.document.facts import ArmFacts, PairFacts, SweepFacts
from hemosweep.report.document.paper_tables import paper_section
from hemosweep.report.paper.method_facts import method_facts
from hemosweep.report.paper.published import published_results
from hemosweep.scores.catalogue import find_metric
from hemosweep.stats.multiple_testing import adjusted
from hemosweep.stats.paired import paired_comparison
from hemosweep.stats.ranks import ArmRank

SCORES = {f"c{place}": 0.5 + 0.01 * place for place in range(8)}
FOLDS = {case: place % 4 for place, case in enumerate(SCORES)}
ARMS = [
    "unet3d-cicek",
    "hybrid3d2d-fpn",
    "thresholded-channel",
    "window-40-90",
    "hssayeni",
    "psinet-like",
    "multiview-like",
    "deepbleed-tied",
    "deepbleed-untied",
    "cnn-ds-like",
    "weightmap-like",
    "siamese-sym",
    "cascade-like",
    "patchfcn",
    "ednet-like",
    "se-unet-2d",
    "sunetx5",
    "segresnet",
    "dynunet",
    "mednext-s",
    "swinunetr",
    "unetr",
    "plainconv",
    "resenc",
]


def arm(name, step):
    table = pd.DataFrame({"case_id": list(SCORES), "ivh": "no", "score": [dsc + step for dsc in SCORES.values()]})
    return ArmFacts(name=name, seeds=(0,), cases=table)


def sweep(name, **steps):
    """An ablation of the baseline `unet` and of arms that score higher by a step, and a little more in every other
    case."""
    pairs = []
    for other, step in steps.items():
        scores = {case: dsc + step + 0.002 * (place % 2) for place, (case, dsc) in enumerate(SCORES.items())}
        (row,) = adjusted([("unet", other)], [paired_comparison(SCORES, scores, folds_a=FOLDS, folds_b=FOLDS)], 1)
        pairs.append(PairFacts(a="unet", b=other, row=row))
    arms = (arm("unet", 0.0), *(arm(other, step) for other, step in steps.items()))
    rank = ArmRank(arm="unet", num_seeds=1, mean=0.535, rank=3, ci95=(2, 3), shares=(0.0, 0.1, 0.9))
    return SweepFacts(name=name, question="?", arms=arms, pairs=tuple(pairs), runs=(), ranks=(rank,))


def tables(*sweeps):
    return [block for block in paper_section(sweeps).blocks if isinstance(block, Table)]


def test_each_published_arm_of_the_issue_has_one_entry_that_says_what_is_read_and_what_is_not():
    by_arm = [name for facts in method_facts() for name in facts.arms()]
    assert len(by_arm) == len(set(by_arm))
    assert set(ARMS) <= set(by_arm)
    for facts in method_facts():
        assert facts.read
        assert facts.source in "PA" or facts.inferred
        if any(name.endswith("-like") for name in facts.arms()):
            assert facts.source in "BC", "an arm that was built from code is no likeness"


@pytest.mark.parametrize("name", ["architecture", "published"])
def test_each_arm_of_an_ablation_of_the_methods_has_an_entry(name):
    listed = known_sweeps().get(name)
    if listed is None:
        pytest.skip(f"there is no ablation {name} yet")
    assert set(listed.sweep.declaration.arms) <= {own for facts in method_facts() for own in getattr(facts, name)}


def test_each_method_of_table_6_is_known_by_its_author():
    assert {result.author for result in published_results()} <= {facts.author for facts in method_facts()}


def test_beside_the_published_value_stand_ours_of_both_ablations_in_columns_of_their_own():
    table, facts = tables(
        sweep("architecture", **{"hssayeni": 0.10, "deepbleed-tied": 0.05}), sweep("published", hssayeni=0.20)
    )
    assert [(group, span) for group, span in table.groups() if group] == [
        ("Published (not comparable)", 3), ("Ours, architecture alone", 3), ("Ours, as published", 3)
    ]  # fmt: skip
    rows = {(row[0], row[5]): [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in table.rows}
    hssayeni = rows["Hssayeni 2020", "hssayeni"]
    assert hssayeni[2] == "0.280"
    # Eight scores from 0.60 to 0.67: 0.635, and 2.365 standard errors of 0.0087 to either side.
    assert hssayeni[6] == "0.635 [0.615, 0.655]"
    assert hssayeni[8].startswith("better (Holm")
    assert hssayeni[9] == "0.735 [0.715, 0.755]"
    assert rows["Abramova 2021", "unet"][6:9] == ["0.535 [0.515, 0.555]", "3 [2, 3]", "the baseline"]
    assert rows["Sharrock 2020", "deepbleed-tied"][9:] == ["–", "–", "–"], "it is no arm of the other one"
    assert rows["Wang 2018", "–"][2:] == ["–"] * 10, "neither published nor trained"
    known = {row[0].partition(",")[0]: row for row in facts.rows}
    assert [row[1] for row in facts.rows if row[1] != "–"] == ["unet", "hssayeni", "deepbleed-tied"]
    assert "official code" in known["Hssayeni 2020"][2]
    assert "it segments nothing" in known["Singh 2019"][6], "no DSC stands there without that note, trained or not"


def test_an_arm_that_no_method_has_is_not_left_out_and_one_that_is_not_finished_says_so():
    own = sweep("architecture", mine=0.1)
    late = replace(own, arms=(*own.arms, ArmFacts(name="hssayeni", missing="not trained")))
    table, _ = tables(late)
    rows = {row[5]: row for row in table.rows}
    assert rows["mine"][:2] == ("–", "–")
    assert rows["mine"][6].startswith("0.635")
    assert rows["hssayeni"][6:] == ("not trained", "–", "–")
    assert [group for group, _ in table.groups() if group][1:] == ["Ours, architecture alone"]


def test_without_a_result_of_ours_table_6_is_the_papers_alone():
    untrained = replace(sweep("architecture"), arms=(ArmFacts(name="unet", missing="not trained"),))
    assert paper_section([untrained]) is None
    assert paper_section([replace(sweep("architecture", mine=0.1), metric=find_metric("nsd"))]) is None
    names = [table.caption for table in tables(untrained, replace(sweep("final"), arms=()))]
    assert [caption.startswith("The paper's Table 6. ") for caption in names].count(True) == 1
    assert not any("and ours. What" in caption for caption in names)
