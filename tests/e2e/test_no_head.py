"""Scans of what is no head: checking and preparing refuse all of them, with what was found, in the same words."""

import json
import re

import pytest

from hemosweep.data.nifti import write_volume
from hemosweep.phantom.writer import write_phantom
from tests.bodies import NO_HEADS

FOUND = {
    "torso": "no head: the largest body is 440 x 315 mm, larger than any head",
    "pelvis": "no head: the largest body is 370 x 245 mm, larger than any head",
    "child's torso": "no skull with a brain in it: the largest body is 250 x 180 mm",
    "leg": "no skull with a brain in it: the largest body is 190 x 190 mm",
    "knee": "no skull with a brain in it",
    "neck": "no skull with a brain in it",
    "water in PMMA": "one outline in every slice, as a phantom of plastic has",
    "water with inserts": "one outline in every slice",
    "water in Teflon": "one outline in every slice",
    "bare plastic": "one outline in every slice",
    "stripped, air outside": "no skull around the brain: this scan seems skull-stripped",
    "stripped, 0 outside": "no skull around the brain: this scan seems skull-stripped",
    "stripped, cut to 0-100": "no skull around the brain: this scan seems skull-stripped",
    "table": "nothing but air or the table",
    "air": "nothing but air or the table",
}

REMARK = " No value is below 0, as that of air is: it may be an MR image."


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set with one scan of each kind, and one head."""
    folder = tmp_path_factory.mktemp("no-heads") / "data"
    write_phantom(folder, num_cases=1, size="small", seed=5, cta_share=0.0)
    rows = ["participant_id\tpatient_id\tivh", "sub-001\tA\tno"]
    for number, name in enumerate(FOUND, 2):
        case_id = f"sub-{number:03d}"
        write_volume(folder / case_id / "ct" / f"{case_id}_ct.nii.gz", NO_HEADS[name]())
        rows.append(f"{case_id}\tP{number}\tno")
    (folder / "participants.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def expected():
    return {f"sub-{number:03d}": words for number, words in enumerate(FOUND.values(), 2)}


def test_the_check_refuses_whatever_is_no_head_and_names_what_it_is(main, data):
    assert set(FOUND) == set(NO_HEADS)
    code, stdout, stderr = main("data", "check", data, "--jobs", 1, "--json")
    assert code == 2, stderr
    report = json.loads(stdout)
    assert report["usable"] == ["sub-001"]
    errors = [problem for problem in report["problems"] if problem["severity"] == "error"]
    assert {problem["kind"] for problem in errors} == {"no-head"}
    for case_id, words in expected().items():
        (message,) = (problem["message"] for problem in errors if problem["case_id"] == case_id)
        assert words in message, case_id
        question = "; is it a head CT in Hounsfield units?"
        assert message.endswith(question) or f"{question}{REMARK}" in message


@pytest.mark.slow
def test_preparing_refuses_the_same_scans_in_the_same_words(main, data, tmp_path):
    code, stdout, stderr = main(
        "preprocess", data, "--profile", "demo", "--symmetric", "none", "--jobs", 1, "--out", tmp_path / "runs"
    )
    assert code == 2
    assert "Traceback" not in stderr
    assert "1 of 16 cases are prepared" in stdout
    assert re.fullmatch(r"look at the cases, the most suspicious first: .*cohort\.html", stdout.splitlines()[-1])
    for case_id, words in expected().items():
        (line,) = (line for line in stderr.splitlines() if line.startswith(f"error: case {case_id}: "))
        assert words in line
        question = f", in {case_id}_ct.nii.gz; is it a head CT?"
        assert line.endswith(question) or f"{question}{REMARK}" in line
