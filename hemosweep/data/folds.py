"""Cross-validation folds: grouped by patient, stratified by IVH, drawn once from a seed (DESIGN.md)."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from hemosweep.config import CrossValidationConfig
from hemosweep.data.case import Case
from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id

MAX_DRAWS = 50
"""So many splits a repeat are drawn in search of one that is new."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """One split, as case ids. Validation cases come from the training folds and steer early stopping; test cases are
    seen once, after training ended."""

    index: int
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        train, validation, test = set(self.train), set(self.validation), set(self.test)
        if train & validation or train & test or validation & test:
            raise BadInput(f"fold {self.index}: a case is in two parts of the split; every part needs its own cases")


def _deal(groups: Sequence[tuple[str, tuple[Case, ...]]], num_hands: int, rng: random.Random) -> list[list[Case]]:
    """Deal patients to hands, one IVH stratum after the other, always to the hand that holds the fewest cases of
    the stratum, then the fewest cases."""
    strata: dict[bool, list[tuple[Case, ...]]] = {True: [], False: []}
    for _, cases in groups:
        strata[any(case.ivh for case in cases)].append(cases)
    hands: list[list[Case]] = [[] for _ in range(num_hands)]
    for members in strata.values():
        rng.shuffle(members)
        members.sort(key=len, reverse=True)
        in_stratum = [0] * num_hands
        for cases in members:
            hand = min(range(num_hands), key=lambda h: (in_stratum[h], len(hands[h]), h))
            hands[hand].extend(cases)
            in_stratum[hand] += len(cases)
    return hands


def _by_patient(cases: Sequence[Case]) -> list[tuple[str, tuple[Case, ...]]]:
    scans: dict[str, list[Case]] = {}
    for case in sorted(cases, key=lambda case: case.case_id):
        scans.setdefault(canonical_id(case.patient_id), []).append(case)
    return [(patient, tuple(scans[patient])) for patient in sorted(scans)]


MIN_PATIENTS = 3
"""Of a data set with folds: one to test on, one to train on, and one to validate on."""


def draw_folds(cases: Sequence[Case], config: CrossValidationConfig) -> tuple[Fold, ...]:
    """Draw the folds of a data set; independent of the order of `cases`.

    Raises:
        BadInput: fewer patients than folds, or too few left to validate on.
    """
    patients = _by_patient(cases)
    if len(patients) < config.num_folds:
        raise BadInput(
            f"{config.num_folds} folds need at least as many patients, but the data set has {len(patients)}; "
            + (
                f"use fewer folds (--folds {len(patients)}) or add patients"
                if len(patients) >= MIN_PATIENTS
                else "add patients"
            )
        )
    rng = random.Random(config.fold_seed)
    hands = _deal(patients, config.num_folds, rng)
    folds = []
    for index, test in enumerate(hands):
        rest = _by_patient([case for hand in hands if hand is not test for case in hand])
        if len(rest) < 2:
            way_out = f"add patients, for {MIN_PATIENTS} in all at least"
            if len(patients) >= MIN_PATIENTS:
                way_out = f"use {MIN_PATIENTS} folds (--folds {MIN_PATIENTS}) or add patients"
            raise BadInput(
                f"fold {index} has {len(rest)} of the {len(patients)} patients left to train and validate on, and "
                f"needs 2; {way_out}"
            )
        # The last hand: where a stratum is too small for all, training goes first.
        num_parts = min(len(rest), max(2, round(1 / config.validation_share)))
        validation = _deal(rest, num_parts, random.Random(f"{config.fold_seed}/{index}"))[-1]
        chosen = {case.case_id for case in validation}
        folds.append(
            Fold(
                index=index,
                train=tuple(sorted(case.case_id for _, group in rest for case in group if case.case_id not in chosen)),
                validation=tuple(sorted(chosen)),
                test=tuple(sorted(case.case_id for case in test)),
            )
        )
    return tuple(folds)


def restrict_folds(folds: Sequence[Fold], case_ids: Collection[str]) -> tuple[Fold, ...]:
    """The same split with only some of the cases: who is in which fold does not depend on who else is.

    Raises:
        BadInput: a part of a fold is left without a case.
    """
    kept = set(case_ids)

    def part(fold: Fold, name: str) -> tuple[str, ...]:
        ids = tuple(case_id for case_id in getattr(fold, name) if case_id in kept)
        if not ids:
            raise BadInput(f"fold {fold.index}: no {name} case is left of those chosen; use fewer folds or add cases")
        return ids

    return tuple(
        Fold(
            index=fold.index,
            train=part(fold, "train"),
            validation=part(fold, "validation"),
            test=part(fold, "test"),
        )
        for fold in folds
    )


def further_repeats(
    cases: Sequence[Case], config: CrossValidationConfig, num_repeats: int
) -> tuple[CrossValidationConfig, ...]:
    """Configurations of the further repeats of a cross-validation, each of which puts other cases together.

    Each has the next seed of folds whose test sets none of the repeats before it has.

    Raises:
        BadInput: the data set has too few cases for so many splits, or as `draw_folds`.
    """
    drawn = {_test_sets(draw_folds(cases, config))}
    further: list[CrossValidationConfig] = []
    seed, last = config.fold_seed, config.fold_seed + MAX_DRAWS * num_repeats
    while len(further) < num_repeats - 1:
        seed += 1
        if seed > last:
            raise BadInput(
                f"--repeats {num_repeats}: only {len(drawn)} different splits were found; give fewer, or --seeds"
            )
        candidate = replace(config, fold_seed=seed)
        test_sets = _test_sets(draw_folds(cases, candidate))
        if test_sets not in drawn:
            drawn.add(test_sets)
            further.append(candidate)
    return tuple(further)


def _test_sets(folds: Sequence[Fold]) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(fold.test) for fold in folds)


def draw_split(
    cases: Sequence[Case], config: CrossValidationConfig, *, with_cta_only: bool
) -> tuple[tuple[Case, ...], tuple[Fold, ...]]:
    """The cases that a sweep is about, and their folds.

    Args:
        with_cta_only: leave the cases without an angiography out, of folds that are drawn over all.

    Raises:
        BadInput: too few patients for the folds, or no case with an angiography.
    """
    folds = draw_folds(cases, config)
    if not with_cta_only:
        return tuple(cases), folds
    kept = tuple(case for case in cases if case.cta_path is not None)
    if not kept:
        raise BadInput("no case has a CT angiography; add sub-XXX_cta.nii.gz beside the CTs, or run another sweep")
    return kept, restrict_folds(folds, [case.case_id for case in kept])
