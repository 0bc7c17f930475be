"""From cases and arms to fold runs, with a stand-in for preprocessing itself."""

import json
from dataclasses import replace

import pytest

from hemosweep.ablation.sweep import Arm
from hemosweep.config import CrossValidationConfig, PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.content import dataset_digest
from hemosweep.data.folds import draw_folds, further_repeats
from hemosweep.engine import plan, prepare
from hemosweep.engine.prepare import hold_out, prepare_sweep
from hemosweep.errors import BadInput
from hemosweep.identity.stages import FOLD_RUNS, Code
from hemosweep.intensity.window import Window
from hemosweep.preprocessing.cache import PreprocessedCases
from hemosweep.preprocessing.record import load_content_digest


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def cases(data):
    def case(case_id):
        paths = [data / f"{case_id}_{kind}.nii.gz" for kind in ("ct", "mask")]
        for path in paths:
            path.write_text(path.name)
        return Case(
            case_id=case_id, patient_id=f"P{case_id}", ivh=case_id == "a", ct_path=paths[0], lesion_path=paths[1]
        )

    return [case(case_id) for case_id in "abcde"]


@pytest.fixture
def prepared(tmp_path, data, cases, tiny_inputs, tiny_config, monkeypatch):
    """Prepares two arms; returns what came of it, the arms' replicates, and what was preprocessed where."""

    def run(configs=None, failures=None, **changes):
        asked = []

        def preprocess(cases, folders, *, jobs, progress):
            asked.extend(folders.items())
            noticed = {"a": ("CT is clipped",), "b": (), "c": ("CT is clipped", "no skull"), "d": (), "e": ()}
            outcome = PreprocessedCases(paths=tiny_inputs, warnings=noticed, failures=failures or {}, pictures={})
            return dict.fromkeys(folders, outcome)

        monkeypatch.setattr(prepare, "preprocess", preprocess)
        configs = configs or {"one": tiny_config(), "two": tiny_config(patience=3)}
        arms = [Arm(name=name, params={}, config=config) for name, config in configs.items()]
        fields = {
            "base": tiny_config(),
            "cases": cases,
            "data": data,
            "out": tmp_path / "runs",
            "jobs": 1,
        } | changes
        result = prepare_sweep(arms, progress=lambda done, total: None, **fields)
        return result, result.plan(arms, (0,)), asked

    return run


def test_each_repeat_draws_its_own_folds_and_records_them(prepared, cases, tiny_config, tmp_path):
    two_folds = CrossValidationConfig(num_folds=2)
    base = replace(tiny_config(), cross_validation=two_folds)
    result, replicates, _ = prepared(num_repeats=3, base=base)
    for repeat, config in zip(result.further, further_repeats(cases, two_folds, 3), strict=True):
        assert repeat.folds == draw_folds(cases, config)
    facts = [result.facts_of(replicate) for replicate in replicates[:3]]
    assert [one.get("repeat") for one in facts] == [None, "1", "2"]
    assert len({one["folds_digest"] for one in facts}) == 3
    for one in facts:
        assert (tmp_path / "runs" / "folds" / f"{one['folds_digest']}.json").is_file()
    some = result.only({0}, tmp_path / "runs")
    assert [[fold.index for fold in repeat.folds] for repeat in some.further] == [[0], [0]]
    assert some.further[0].folds_digest != result.further[0].folds_digest


def test_every_arm_gets_every_fold_of_the_one_drawing(prepared, cases, tiny_config):
    result, replicates, _ = prepared()
    folds = draw_folds(cases, tiny_config().cross_validation)
    assert result.folds == folds
    assert [replicate.run_name for replicate in replicates] == ["one", "two"]
    for replicate in replicates:
        assert [tuple(case.case_id for case in spec.test) for spec in replicate.fold_runs] == [f.test for f in folds]
        assert [spec.train[0].path for spec in replicate.fold_runs] == [
            spec.train[0].path for spec in replicates[0].fold_runs
        ]


def test_arms_that_are_preprocessed_alike_are_preprocessed_once(prepared, tiny_config, data):
    other = replace(tiny_config(), preprocessing=PreprocessingConfig(intensity=Window(high_hu=80.0)))
    _, replicates, asked = prepared({"one": tiny_config(), "two": tiny_config(), "three": other})
    assert [config for config, _ in asked] == [tiny_config().preprocessing, other.preprocessing]
    folders = [folder for _, folder in asked]
    assert len(set(folders)) == 2
    assert all(folder.is_relative_to(data / "derivatives") for folder in folders)
    digests = [[spec.digest for spec in replicate.fold_runs] for replicate in replicates]
    assert digests[0] == digests[1] != digests[2]


def test_a_fold_run_is_named_by_the_content_of_what_it_reads(prepared, tiny_inputs, monkeypatch):
    before = prepared()[1][0]
    changed = {str(path): load_content_digest(path) for path in tiny_inputs.values()} | {str(tiny_inputs["a"]): "new"}
    monkeypatch.setattr(plan, "load_content_digest", lambda path: changed[str(path)])
    after = prepared()[1][0]
    assert all(b.digest != a.digest for b, a in zip(before.fold_runs, after.fold_runs, strict=True))


def test_the_facts_that_decide_on_comparisons_are_all_there(prepared, cases):
    facts = prepared()[0].facts
    assert facts["dataset_digest"] == dataset_digest(cases)
    assert not [name for name in facts if "metric" in name], "scores have digests of their own"
    assert facts["checkpoint_rule"] == "best validation loss"
    assert facts["source_digest"] == Code().of(FOLD_RUNS)
    assert len(facts["folds_digest"]) == 16


def test_the_folds_are_stored_under_their_digest(prepared, tmp_path):
    result, _, _ = prepared()
    (stored,) = (tmp_path / "runs" / "folds").iterdir()
    assert stored.name == f"{result.facts['folds_digest']}.json"
    assert json.loads(stored.read_text()) == [
        {
            "index": fold.index,
            "train": list(fold.train),
            "validation": list(fold.validation),
            "test": list(fold.test),
        }
        for fold in result.folds
    ]


def test_other_folds_have_another_digest_and_the_same_ones_the_same(prepared, cases, tiny_config):
    digests = [prepared()[0].facts["folds_digest"], prepared(cases=cases[::-1])[0].facts["folds_digest"]]
    assert digests[0] == digests[1]
    other = CrossValidationConfig(num_folds=2)
    assert prepared(base=replace(tiny_config(), cross_validation=other))[0].facts["folds_digest"] not in digests


def test_cases_without_angiography_are_left_out_of_the_folds_and_facts_of_the_whole_data_set(
    prepared, cases, tiny_config, tmp_path
):
    with_cta = [case if case.case_id == "e" else replace(case, cta_path=case.ct_path) for case in cases]
    base = replace(tiny_config(), cross_validation=CrossValidationConfig(num_folds=2))
    whole, some = (prepared(base=base, cases=with_cta, with_cta_only=only)[0] for only in (False, True))
    assert some.facts == whole.facts
    assert [case.case_id for case in some.cases] == ["a", "b", "c", "d"]
    for fold, drawn in zip(some.folds, whole.folds, strict=True):
        assert fold.test == tuple(case_id for case_id in drawn.test if case_id != "e")
    one, other = (part.only((1,), tmp_path / "runs") for part in (whole, some))
    assert one.facts == other.facts != whole.facts
    assert (one.folds, other.folds) == (whole.folds[1:], some.folds[1:])
    assert len(list((tmp_path / "runs" / "folds").iterdir())) == 4, "each split, and each single fold"


def test_a_read_only_data_set_is_left_alone_and_says_where_its_derivatives_are(prepared, data, tmp_path):
    data.chmod(0o555)
    try:
        result, _, ((_, folder),) = prepared()
    finally:
        data.chmod(0o755)
    assert folder.is_relative_to(tmp_path / "runs" / "derivatives")
    assert result.warnings[0] == f"{data} is read-only; preprocessed cases are kept in {folder}"


def test_what_preprocessing_noticed_is_told_once_with_its_cases(prepared):
    assert prepared()[0].warnings == ("2 of 5 cases (a, c): CT is clipped", "1 of 5 cases (c): no skull")


def test_a_sweep_is_refused_where_a_case_cannot_be_used(prepared):
    failures = {"b": "case b: mask is empty", "d": "case d: no skull"}
    with pytest.raises(
        BadInput, match=r"^case b: mask is empty \(and 1 more cases cannot be used; hemosweep data check"
    ):
        prepared(failures=failures)


def test_the_trials_of_a_search_never_meet_the_cases_held_out(prepared, cases, tiny_config, tmp_path):
    base = replace(tiny_config(), cross_validation=CrossValidationConfig(num_folds=3))
    result, _, _ = prepared(base=base)
    split = hold_out(result, base, tmp_path / "runs")
    (outer,) = split.held_out.folds
    assert outer == result.folds[0]
    tested = [case_id for fold in split.trials.folds for case_id in fold.test]
    assert sorted([*tested, *outer.test]) == [case.case_id for case in cases], "each case is tested once"
    for fold in split.trials.folds:
        assert not {*fold.train, *fold.validation, *fold.test} & {*outer.test}
    facts = [part.facts for part in (result, split.trials, split.held_out)]
    assert len({fact["folds_digest"] for fact in facts}) == 3, "one of the folds is not all of them"
    assert facts[0]["dataset_digest"] == facts[2]["dataset_digest"] != facts[1]["dataset_digest"]


def test_a_search_is_refused_where_holding_cases_out_leaves_too_few(prepared, tiny_config, tmp_path):
    base = replace(tiny_config(), cross_validation=CrossValidationConfig(num_folds=2))
    result, _, _ = prepared(base=base)
    with pytest.raises(
        BadInput, match=r"^without the \d cases that the search holds out: .*add patients, for 3 in all at least$"
    ):
        hold_out(result, base, tmp_path / "runs")
