import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest

from hemosweep.report.cases.address import case_address
from hemosweep.report.cases.encoding import LADDER
from hemosweep.report.cases.facts import NOT_KEPT
from hemosweep.report.cases.page import case_page
from hemosweep.report.cases.picture import FIRST_ONLY, MAX_SLICES, PictureReader, slices_with_brain
from hemosweep.report.cases.pictures import of_pair, read_pictures
from tests.hemosweep.report.cases.conftest import LESION, SHAPE_DHW
from tests.hemosweep.report.cases.decode import mask_of, scripts_of

NASTY = "a</script><script>alert('1')</script>&amp;<!--\u2028'\"|[x](y)"
SHIFTED = (slice(3, 6), slice(16, 26), slice(16, 28))


@pytest.fixture
def two_arms(make_case, make_training, make_facts):
    """Cases x and y in two arms; of y, B has no prediction."""
    a = make_training("a", {"x": 0.8, "y": 0.5}, {"x": SHIFTED, "y": None})
    b = make_training("b", {"x": 1.0, "y": 0.7}, {"x": LESION})
    return make_facts(
        {"a": [a], "b": [b]}, [make_case("x", ivh=(slice(4, 5), slice(10, 12), slice(20, 30))), make_case("y")]
    )


def test_a_picture_holds_the_masks_in_voxels_of_the_head_and_only_slices_with_brain(two_arms):
    picture = read_pictures(two_arms)["x"]
    assert picture["slices"] == {"first": 1, "step": 1, "num": 6, "total": 8}
    # The head, 34 x 38 voxels of 2 mm, and 6 mm around it, as far as there are voxels.
    assert picture["grid"] == [40, 44]
    assert picture["tile"] == [40, 44]
    shape = (6, *picture["grid"])
    reference, ivh = (mask_of(picture[name], shape) for name in ("reference", "ivh"))
    whole = np.zeros(SHAPE_DHW, dtype=bool)
    whole[LESION] = True
    assert np.array_equal(reference, whole[1:7, :, 2:46][:, ::-1, ::-1])
    assert (reference.sum(), ivh.sum()) == (360, 20)
    (a,), (b,) = picture["predictions"]
    assert mask_of(a, shape).sum() == 360
    assert mask_of(b, shape).tolist() == reference.tolist()
    assert np.nonzero(mask_of(a, shape))[2].min() == np.nonzero(reference)[2].min() - 2


def test_empty_and_missing_predictions_are_told_apart(two_arms):
    (a,), (b,) = read_pictures(two_arms)["y"]["predictions"]
    assert (a, b) == ("", {"missing": NOT_KEPT})


def test_an_unreadable_ct_costs_one_picture_and_an_unusable_ivh_mask_none(two_arms):
    case = two_arms.cases["y"]
    case.ct_path.write_bytes(b"none")
    two_arms.cases["x"].ivh_path.write_bytes(b"none")
    pictures = read_pictures(two_arms)
    assert "not a readable NIfTI file" in pictures["y"]["missing"]
    assert pictures["x"]["ivh"] is None
    assert "not a readable NIfTI file" in pictures["x"]["remarks"][0]
    page = case_page(two_arms, pictures, places=case.ct_path.parents)
    assert str(case.ct_path.parent) not in page
    assert scripts_of(page)[1][0]["reference"] == pictures["x"]["reference"], "voxels are no words"


def test_an_empty_reference_is_a_picture_and_its_score_is_null(make_case, make_training, make_facts):
    training = make_training("a", {"x": float("nan")}, {"x": LESION})
    facts = make_facts({"a": [training], "b": "not trained"}, [make_case("x", lesion=None)])
    summary, (picture,) = scripts_of(case_page(facts, read_pictures(facts)))
    assert picture["reference"] == ""
    assert summary["cases"][0]["scores"] == [[[None], []]]
    assert [arm["missing"] for arm in summary["arms"]] == ["", "not trained"]


def test_a_case_that_an_arm_did_not_test_has_no_score_there(make_case, make_training, make_facts):
    a, b = make_training("a", {"x": 0.8, "y": 0.5}), make_training("b", {"x": 0.9})
    facts = make_facts({"a": [a], "b": [b]}, "the data set is not here")
    summary, pictures = scripts_of(case_page(facts, read_pictures(facts)))
    assert [case["scores"] for case in summary["cases"]] == [[[[0.8], [0.9]]], [[[0.5], [False]]]]
    assert pictures == [{"missing": "the data set is not here"}] * 2


def test_every_training_is_there_and_only_the_first_where_their_masks_would_fill_the_page(
    make_case, make_training, make_facts
):
    trainings = [make_training(f"a/seed {seed}", {"x": 0.5 + seed / 10}, {"x": LESION}) for seed in (0, 1)]
    facts = make_facts({"a": trainings, "b": "not trained"}, [make_case("x")])
    both, _ = read_pictures(facts)["x"]["predictions"]
    assert both == [both[0]] * 2
    sources = {"x": [[training.fold_folders[0] for training in trainings]]}
    small = PictureReader(sources=sources, lesion_label=None, max_chars=3 * len(both[0]))(facts.cases["x"])
    assert small["predictions"] == [[both[0], {"missing": FIRST_ONLY}]]
    summary, _ = scripts_of(case_page(facts, read_pictures(facts)))
    assert summary["cases"][0]["scores"] == [[[0.5, 0.6], []]]


def test_names_that_look_like_markup_stay_names(make_case, make_training, make_facts):
    a = make_training(NASTY, {NASTY: 0.8})
    facts = make_facts({NASTY: [a], "b": NASTY}, "no data", sweep=NASTY, question=NASTY, notices=(NASTY,))
    page = case_page(facts, read_pictures(facts))
    summary, _ = scripts_of(page)
    names = [summary["sweep"], summary["cases"][0]["id"], summary["arms"][0]["name"]]
    assert names == [NASTY] * 3
    assert "alert('1')" not in page.replace("alert('1')\\u003c", "")
    assert len(re.findall("<script", page)) == 3
    assert page.count("</script>") == 3


def test_the_page_fetches_nothing_and_runs_only_its_own_script(two_arms):
    page = case_page(two_arms, read_pictures(two_arms))
    (script,) = re.findall(r'<script type="module">(.*?)</script>', page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page) == []
    assert not re.search(r"innerHTML|localStorage|\bfetch\(|XMLHttpRequest|\beval\(", script)


def test_a_page_names_no_patient_and_no_folder(two_arms, tmp_path):
    page = case_page(two_arms, read_pictures(two_arms))
    assert "patient of" not in page
    assert str(tmp_path) not in page


@pytest.fixture
def facts(make_case, make_training, make_facts):
    """Cases c0 to c4, each of which differs by 0.1 more than the one before."""
    scores = {f"c{number}": 0.1 * number for number in range(5)}
    a, b = make_training("a", dict.fromkeys(scores, 0.0)), make_training("b", scores)
    return make_facts({"a": [a], "b": [b]}, [make_case(case_id) for case_id in scores])


@pytest.fixture
def frame(facts):
    """Size of their page without pictures."""
    return len(case_page(facts, {case_id: {"missing": ""} for case_id in facts.cases}))


def test_the_page_keeps_its_size_by_the_quality_and_then_by_the_cases_that_differ_most(facts, frame, monkeypatch):
    large = len(case_page(facts, read_pictures(facts)))
    limit = frame + (large - frame) // 2
    monkeypatch.setattr("hemosweep.report.cases.pictures.LEAST_CASE_LETTERS", 1)
    assert large > limit >= len(case_page(facts, read_pictures(facts, max_bytes=limit)))
    monkeypatch.setattr("hemosweep.report.cases.pictures.LEAST_CASE_LETTERS", (limit - frame) // 2 - 300)
    pictures = read_pictures(facts, max_bytes=limit)
    assert [case_id for case_id in facts.cases if "sheet" in pictures[case_id]] == ["c3", "c4"]
    assert "the 2 cases that differ most" in pictures["c0"]["missing"]


def test_pictures_that_are_larger_than_their_share_are_left_out_from_the_least_different_on(facts, frame, monkeypatch):
    monkeypatch.setattr("hemosweep.report.cases.pictures.LEAST_CASE_LETTERS", 1)
    monkeypatch.setattr("hemosweep.report.cases.encoding.LADDER", LADDER[:1])
    whole = {case_id: len(str(picture)) for case_id, picture in read_pictures(facts).items()}
    limit = frame + whole["c4"] + whole["c3"] + 1500
    pictures = read_pictures(facts, max_bytes=limit)
    assert [case_id for case_id in facts.cases if "sheet" in pictures[case_id]] == ["c3", "c4"]
    assert "the 2 cases that differ most" in pictures["c2"]["missing"]
    page = case_page(facts, pictures)
    assert len(page) <= limit
    assert [case["pictured"] for case in scripts_of(page)[0]["cases"]] == [False, False, False, True, True]


def test_a_comparisons_page_has_pictures_of_its_most_different_cases_and_names_where_the_others_are(
    make_training, make_facts
):
    ids = [f"c{number:02}" for number in range(12)]
    arms = {
        name: [make_training(name, {case_id: step * place for place, case_id in enumerate(ids)})]
        for name, step in (("a", 0.0), ("b", 0.01), ("c", -0.02))
    }
    facts = make_facts(arms, "unused", pairs=[("a", "b"), ("a", "c")])
    picture = {"sheet": "", "predictions": [["of a"], ["of b"], ["of c"]]}
    own, chosen = of_pair(facts, dict.fromkeys(ids, picture) | {"c11": {"missing": "no CT"}}, "a", "c")
    assert [case_id for case_id in ids if "sheet" in chosen[case_id]] == ids[2:11]
    assert chosen["c05"]["predictions"] == [["of a"], ["of c"]]
    assert chosen["c11"] == {"missing": "no CT"}
    assert chosen["c00"]["missing"].startswith("it is on the page of all comparisons of se")
    case_page(own, chosen)


def test_a_prediction_that_is_not_here_is_told_by_the_words_of_the_page(make_case, make_training, make_facts):
    facts = make_facts({"a": [make_training("a", {"x": 0.5})], "b": "not trained"}, [make_case("x")])
    ((a,), _) = read_pictures(replace(facts, no_prediction="its prediction is elsewhere"))["x"]["predictions"]
    assert a == {"missing": "its prediction is elsewhere"}


def test_a_comparisons_page_has_its_two_arms_alone(make_case, make_training, make_facts):
    arms = {
        name: [make_training(name, {"x": 0.5}, {"x": box})]
        for name, box in (("a", None), ("b", SHIFTED), ("c", LESION))
    }
    facts = make_facts(arms, [make_case("x")], pairs=[("a", "b"), ("a", "c")])
    pictures = read_pictures(facts)
    summary, (picture,) = scripts_of(case_page(*of_pair(facts, pictures, "a", "c")))
    assert [arm["name"] for arm in summary["arms"]] == ["a", "c"]
    assert [(pair["a"], pair["b"]) for pair in summary["pairs"]] == [(0, 1)]
    assert picture["predictions"] == [pictures["x"]["predictions"][0], pictures["x"]["predictions"][2]]


def test_a_scan_with_many_slices_is_shown_at_equal_steps():
    image_DHW = np.zeros((300, 4, 4))
    image_DHW[20:280] = 30.0
    has_mask_D = np.zeros(300, dtype=bool)
    has_mask_D[290] = True
    shown = slices_with_brain(image_DHW, has_mask_D)
    assert (shown.start, shown.stop, shown.step) == (20, 291, 5)
    assert len(range(*shown.indices(300))) <= MAX_SLICES


def test_an_address_opens_any_names():
    assert case_address("cases/se.html", "a|b>c", "d&e", "1 2") == "cases/se.html#a=a%7Cb%3Ec&b=d%26e&case=1+2"
