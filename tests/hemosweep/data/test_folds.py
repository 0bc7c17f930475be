import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemosweep.config import CrossValidationConfig
from hemosweep.data.case import Case
from hemosweep.data.folds import Fold, draw_folds, draw_split, further_repeats, restrict_folds
from hemosweep.digest import digest_json
from hemosweep.errors import BadInput


def make_cases(patients: Sequence[tuple[int, bool | None]]) -> list[Case]:
    """Cases of patients that are given as (number of scans, IVH)."""
    return [
        Case(
            case_id=f"sub-{patient:03d}{scan}",
            patient_id=f"P{patient}",
            ivh=ivh,
            ct_path=Path("ct.nii.gz"),
            lesion_path=Path("lesion.nii.gz"),
        )
        for patient, (num_scans, ivh) in enumerate(patients)
        for scan in range(num_scans)
    ]


def spread(counts: Sequence[int]) -> int:
    return max(counts) - min(counts)


PATIENTS = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([True, False, None])), min_size=8, max_size=24)
CONFIGS = st.builds(
    CrossValidationConfig,
    num_folds=st.integers(2, 6),
    fold_seed=st.integers(0, 100),
    validation_share=st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5]),
)


@given(PATIENTS, CONFIGS)
def test_each_case_is_tested_once_and_patients_never_part(
    patients: list[tuple[int, bool | None]], config: CrossValidationConfig
) -> None:
    cases = make_cases(patients)
    patient_of = {case.case_id: case.patient_id for case in cases}
    folds = draw_folds(cases, config)
    assert [fold.index for fold in folds] == list(range(config.num_folds))
    assert sorted(case_id for fold in folds for case_id in fold.test) == sorted(patient_of)
    for fold in folds:
        parts = [fold.train, fold.validation, fold.test]
        assert all(parts)
        assert sorted(case_id for part in parts for case_id in part) == sorted(patient_of)
        owners = [{patient_of[case_id] for case_id in part} for part in parts]
        assert sum(map(len, owners)) == len(patients)


@given(st.lists(st.booleans(), min_size=8, max_size=40), CONFIGS)
def test_ivh_and_fold_sizes_differ_by_one_at_most(ivh: list[bool], config: CrossValidationConfig) -> None:
    cases = make_cases([(1, value) for value in ivh])
    with_ivh = {case.case_id for case in cases if case.ivh}
    folds = draw_folds(cases, config)
    assert spread([len(fold.test) for fold in folds]) <= 1
    assert spread([len(with_ivh.intersection(fold.test)) for fold in folds]) <= 1


@given(PATIENTS, CONFIGS)
def test_ivh_spread_of_patients_with_several_scans_is_at_most_the_scans_of_one(
    patients: list[tuple[int, bool | None]], config: CrossValidationConfig
) -> None:
    cases = make_cases(patients)
    with_ivh = {case.case_id for case in cases if case.ivh}
    folds = draw_folds(cases, config)
    assert spread([len(with_ivh.intersection(fold.test)) for fold in folds]) <= max(scans for scans, _ in patients)


@given(PATIENTS, CONFIGS, st.randoms(use_true_random=False))
def test_folds_do_not_depend_on_the_order_of_the_rows(
    patients: list[tuple[int, bool | None]], config: CrossValidationConfig, rng: random.Random
) -> None:
    cases = make_cases(patients)
    shuffled = rng.sample(cases, len(cases))
    assert draw_folds(cases, config) == draw_folds(shuffled, config)


def test_the_papers_76_cases_give_folds_of_15_and_16_with_2_or_3_ivh() -> None:
    cases = make_cases([(1, index < 11) for index in range(76)])
    folds = draw_folds(cases, CrossValidationConfig())
    assert sorted(len(fold.test) for fold in folds) == [15, 15, 15, 15, 16]
    assert sorted(sum(case.case_id in fold.test for case in cases[:11]) for fold in folds) == [2, 2, 2, 2, 3]
    for fold in folds:
        assert len(fold.validation) == pytest.approx(0.2 * (76 - len(fold.test)), abs=1)
        assert sum(case.case_id in fold.validation for case in cases[:11]) in (1, 2)


def test_same_seed_gives_the_same_folds_and_another_seed_others() -> None:
    cases = make_cases([(1, index % 4 == 0) for index in range(20)])
    first, again, other = (draw_folds(cases, CrossValidationConfig(fold_seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("seed", range(10))
def test_patients_with_many_scans_are_dealt_first_so_that_folds_even_out(seed: int) -> None:
    cases = make_cases([(1, None)] * 6 + [(3, None)] * 2)
    folds = draw_folds(cases, CrossValidationConfig(num_folds=2, fold_seed=seed))
    assert [len(fold.test) for fold in folds] == [6, 6]


@pytest.mark.parametrize("seed", range(5))
def test_a_patient_with_more_scans_than_the_others_has_a_fold_to_itself(seed: int) -> None:
    cases = make_cases([(1, None)] * 6 + [(3, None)])
    folds = draw_folds(cases, CrossValidationConfig(num_folds=3, fold_seed=seed))
    # Dealt last, it would come on top of two others.
    assert [len(fold.test) for fold in folds] == [3, 3, 3]


def test_a_patient_counts_as_one_with_ivh_where_any_of_the_scans_shows_it() -> None:
    cases = make_cases([(2, False)] * 12)
    mixed = {"P2", "P5", "P7", "P10"}
    cases = [replace(case, ivh=case.patient_id in mixed and case.case_id.endswith("1")) for case in cases]
    for seed in range(5):
        folds = draw_folds(cases, CrossValidationConfig(num_folds=4, fold_seed=seed))
        with_ivh = {case.case_id for case in cases if case.ivh}
        assert [len(with_ivh.intersection(fold.test)) for fold in folds] == [1] * 4


def test_each_stratum_is_dealt_evenly_also_where_an_earlier_one_was_not() -> None:
    # A patient with IVH has three scans; the four others go two by two, and not three to the fold that has none yet.
    cases = make_cases([(3, True), *[(1, False)] * 4])
    for seed in range(5):
        folds = draw_folds(cases, CrossValidationConfig(num_folds=2, fold_seed=seed))
        assert sorted(len(fold.test) for fold in folds) == [2, 5]


def test_where_ivh_is_too_rare_for_all_parts_it_is_trained_on_and_the_smallest_part_validates() -> None:
    cases = make_cases([(1, True)] * 2 + [(1, False)] * 12)
    with_ivh = {case.case_id for case in cases if case.ivh}
    for seed in range(5):
        config = CrossValidationConfig(num_folds=2, fold_seed=seed, validation_share=0.25)
        for fold in draw_folds(cases, config):
            # Of seven cases in four parts, the last part has one.
            assert len(fold.validation) == 1
            assert len(with_ivh.intersection(fold.train)) == 1


@pytest.mark.parametrize(("share", "num_validation"), [(0.5, 10), (1 / 3, 6), (0.25, 5), (0.2, 4), (0.1, 2), (0.01, 1)])
def test_the_share_of_the_training_folds_that_validates_is_the_one_asked_for(share: float, num_validation: int) -> None:
    config = CrossValidationConfig(num_folds=2, validation_share=share)
    for fold in draw_folds(make_cases([(1, False)] * 40), config):
        assert (len(fold.train), len(fold.validation), len(fold.test)) == (20 - num_validation, num_validation, 20)


def test_every_patient_gets_into_some_fold_s_validation_or_training_alike() -> None:
    cases = make_cases([(1, None)] * 15)
    folds = draw_folds(cases, CrossValidationConfig(num_folds=5))
    counted = Counter(case_id for fold in folds for case_id in (*fold.train, *fold.validation))
    assert set(counted.values()) == {4}


def test_more_folds_than_patients_names_both_numbers() -> None:
    cases = make_cases([(3, False), (3, True), (1, False)])  # seven cases, but three patients
    with pytest.raises(BadInput) as caught:
        draw_folds(cases, CrossValidationConfig(num_folds=5))
    assert re.search(
        r"^5 folds .* patients, .* has 3; use fewer folds \(--folds 3\) or add patients$", str(caught.value)
    )


def test_a_fold_without_patients_left_to_validate_on_is_refused() -> None:
    left = "patients left to train and validate on, and needs 2;"
    with pytest.raises(BadInput, match=rf"^fold 0 has 1 of the 2 {left} add patients, for 3 in all at least$"):
        draw_folds(make_cases([(1, False), (1, False)]), CrossValidationConfig(num_folds=2))
    three = make_cases([(1, False), (1, False), (1, False)])
    with pytest.raises(BadInput, match=rf"^fold 0 has 1 of the 3 {left} use 3 folds \(--folds 3\) or add patients$"):
        draw_folds(three, CrossValidationConfig(num_folds=2))
    assert len(draw_folds(three, CrossValidationConfig(num_folds=3))) == 3


@pytest.mark.parametrize("doubled", [("train", "validation"), ("train", "test"), ("validation", "test")])
def test_a_case_in_two_parts_is_an_error(doubled: tuple[str, str]) -> None:
    parts = {"train": ("a",), "validation": ("b",), "test": ("c",)}
    parts |= dict.fromkeys(doubled, ("x",))
    with pytest.raises(BadInput, match="fold 3: a case is in two parts"):
        Fold(index=3, **parts)


def test_one_patient_in_two_unicode_forms_is_in_one_fold() -> None:
    cases = [
        Case(case_id=f"sub-{number}", patient_id=patient, ivh=None, ct_path=Path("ct"), lesion_path=Path("lesion"))
        for number, patient in enumerate(("M\u00fcller", "Mu\u0308ller", "P2", "P3", "P4"))
    ]
    for seed in range(20):
        for fold in draw_folds(cases, CrossValidationConfig(num_folds=4, fold_seed=seed)):
            assert ("sub-0" in fold.test) == ("sub-1" in fold.test)


def test_the_folds_of_ids_in_nfc_are_those_of_earlier_versions() -> None:
    """Drawn at the commit before ids were compared in NFC: a stored split keeps its digest."""
    ids = ("Müller", "Ørsted", "Pérez", "Zoë", "7", "007", "\uff507", "b", "B", "\uff21")
    cases = [
        Case(case_id=f"sub-{name}", patient_id=name, ivh=number % 3 == 0, ct_path=Path("ct"), lesion_path=None)
        for number, name in enumerate(ids)
    ]
    folds = draw_folds(cases, CrossValidationConfig(num_folds=3))
    split = [[fold.index, fold.train, fold.validation, fold.test] for fold in folds]
    assert digest_json(split) == "fc42d4f36469aa16"


def test_restricted_folds_keep_who_is_in_which_part() -> None:
    folds = (
        Fold(index=0, train=("a", "b"), validation=("c", "d"), test=("e", "f")),
        Fold(index=1, train=("e", "f"), validation=("a", "d"), test=("b", "c")),
    )
    assert restrict_folds(folds, ["f", "a", "d", "c"]) == (
        Fold(index=0, train=("a",), validation=("c", "d"), test=("f",)),
        Fold(index=1, train=("f",), validation=("a", "d"), test=("c",)),
    )
    assert restrict_folds(folds, "abcdef") == folds


@pytest.mark.parametrize(("kept", "part"), [("cdef", "train"), ("abef", "validation"), ("abcd", "test")])
def test_a_part_of_a_fold_without_a_case_that_is_left_is_refused(kept: str, part: str) -> None:
    fold = Fold(index=3, train=("a", "b"), validation=("c", "d"), test=("e", "f"))
    with pytest.raises(BadInput, match=f"fold 3: no {part} case is left of those chosen"):
        restrict_folds([fold], kept)


def test_cases_without_an_angiography_are_left_out_of_folds_that_are_drawn_over_all() -> None:
    cases = make_cases([(1, False)] * 12)
    cases = [replace(case, cta_path=Path("cta.nii.gz")) if place % 4 else case for place, case in enumerate(cases)]
    config = CrossValidationConfig(num_folds=3, fold_seed=1)
    everyone, folds = draw_split(cases, config, with_cta_only=False)
    assert everyone == tuple(cases)
    assert folds == draw_folds(cases, config)
    kept, restricted = draw_split(cases, config, with_cta_only=True)
    assert kept == tuple(case for case in cases if case.cta_path is not None)
    assert len(kept) == 9
    assert restricted == restrict_folds(folds, [case.case_id for case in kept])


def test_a_data_set_without_any_angiography_is_refused_where_it_is_needed() -> None:
    with pytest.raises(BadInput, match="no case has a CT angiography"):
        draw_split(make_cases([(1, False)] * 12), CrossValidationConfig(num_folds=3), with_cta_only=True)


def test_each_repeat_puts_other_cases_together_by_the_next_seed_that_does() -> None:
    cases = make_cases([(1, False)] * 4)
    config = CrossValidationConfig(num_folds=2, validation_share=0.5)
    # Four cases in two folds of two: three partitions.
    further = further_repeats(cases, config, 3)
    partitions = [frozenset(frozenset(fold.test) for fold in draw_folds(cases, one)) for one in (config, *further)]
    assert len(set(partitions)) == 3
    seeds = [one.fold_seed for one in further]
    assert config.fold_seed < seeds[0] < seeds[1]
    assert further_repeats(cases, config, 2) == further[:1]
    assert further_repeats(cases, config, 1) == ()
    for one, seed in zip(further, seeds, strict=True):
        assert one == replace(config, fold_seed=seed)
    with pytest.raises(BadInput, match="--repeats 4: only 3 different splits were found; give fewer"):
        further_repeats(cases, config, 4)
