"""Preparation of a sweep: from a data set to the plan of its fold runs by cases, folds, preprocessing and
identities."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hemosweep.ablation.sweep import Arm
from hemosweep.config import ArmConfig, PreprocessingConfig
from hemosweep.data.case import Case, patient_names
from hemosweep.data.content import dataset_digest
from hemosweep.data.folds import Fold, draw_folds, draw_split, further_repeats
from hemosweep.data.remarks import grouped
from hemosweep.digest import digest_json
from hemosweep.engine.plan import Inputs, Replicate, plan_replicates
from hemosweep.errors import BadInput
from hemosweep.foldrun.spec import write_json
from hemosweep.identity.stages import FOLD_RUNS, Code
from hemosweep.preprocessing.cache import PreprocessedCases, preprocess
from hemosweep.preprocessing.derivatives import derivatives_folder
from hemosweep.scores.metric import Metric

CHECKPOINT_RULE = "best validation loss"
"""Rule for the epoch whose weights are tested (`training.loop.train`); runs under two rules are not compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeat:
    """A further repeat of the cross-validation: folds of its own over the same cases, and as they were `drawn` before
    cases were left out. `folds_digest` is the fact that is recorded of it."""

    folds: tuple[Fold, ...]
    drawn: tuple[Fold, ...]
    folds_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """Everything that is fixed before training starts.

    `folds` are those of `cases`, and `drawn` are the folds before cases without an angiography were left out. `facts`
    decide whether two runs may be compared (DESIGN.md). Data set and folds are recorded as drawn, so that a run on some
    of the cases is compared on the cases that both have. `patients` are names of all cases' patients, for results, and
    `metrics` are the sweep's. `warnings` come from preprocessing.
    """

    cases: tuple[Case, ...]
    folds: tuple[Fold, ...]
    drawn: tuple[Fold, ...]
    inputs: Mapping[PreprocessingConfig, Inputs]
    code: Code
    facts: Mapping[str, str]
    patients: Mapping[str, str]
    metrics: tuple[Metric, ...]
    warnings: tuple[str, ...]
    further: tuple[Repeat, ...] = ()

    def facts_of(self, replicate: Replicate) -> dict[str, str]:
        """The facts of a replicate: a further repeat has its own folds, and says which it is."""
        if replicate.repeat == 0:
            return dict(self.facts)
        own = self.further[replicate.repeat - 1]
        return {**self.facts, "folds_digest": own.folds_digest, "repeat": str(replicate.repeat)}

    def plan(self, arms: Sequence[Arm], seeds: Sequence[int]) -> tuple[Replicate, ...]:
        """Plan every fold run of the arms. The preprocessing of each must be one of those that were prepared."""
        return plan_replicates(
            arms,
            seeds,
            self.cases,
            self.folds,
            inputs=self.inputs,
            code=self.code,
            patients=self.patients,
            metrics=self.metrics,
            further=[repeat.folds for repeat in self.further],
        )

    def on(self, cases: tuple[Case, ...], folds: tuple[Fold, ...], out: Path) -> "Prepared":
        """Return the sweep with some of the cases, and folds drawn over them: another data set."""
        facts = dict(self.facts) | {"dataset_digest": dataset_digest(cases), "folds_digest": store_folds(folds, out)}
        return replace(self, cases=cases, folds=folds, drawn=folds, facts=facts)

    def only(self, indices: Collection[int], out: Path) -> "Prepared":
        """Return the sweep with only these folds."""
        folds, drawn = _chosen(self.folds, indices), _chosen(self.drawn, indices)
        store_folds(folds, out)
        facts = dict(self.facts) | {"folds_digest": store_folds(drawn, out)}
        further = tuple(_repeat(_chosen(one.folds, indices), _chosen(one.drawn, indices), out) for one in self.further)
        return replace(self, folds=folds, drawn=drawn, facts=facts, further=further)


def _chosen(folds: Sequence[Fold], indices: Collection[int]) -> tuple[Fold, ...]:
    return tuple(fold for fold in folds if fold.index in indices)


def _repeat(folds: tuple[Fold, ...], drawn: tuple[Fold, ...], out: Path) -> Repeat:
    store_folds(folds, out)
    return Repeat(folds=folds, drawn=drawn, folds_digest=store_folds(drawn, out))


def prepare_sweep(
    arms: Sequence[Arm],
    base: ArmConfig,
    cases: Sequence[Case],
    data: Path,
    out: Path,
    *,
    code: Code | None = None,
    metrics: tuple[Metric, ...] = (),
    with_cta_only: bool = False,
    num_repeats: int = 1,
    jobs: int,
    progress: Callable[[int, int], None],
) -> Prepared:
    """Draw the folds, and preprocess the cases that are not preprocessed yet.

    Args:
        code: finds the code of the arms; by default hemosweep's alone.
        metrics: those of the sweep.
        with_cta_only: leave out the cases without an angiography; the folds are drawn over all cases.
        num_repeats: number of splits into folds that are drawn.

    Raises:
        BadInput: too few patients for the folds, or a case that cannot be used.
    """
    code = Code(cache_in=out) if code is None else code
    data_set, drawn = cases, draw_folds(cases, base.cross_validation)
    cases, folds = draw_split(cases, base.cross_validation, with_cta_only=with_cta_only)
    further = further_repeats(data_set, base.cross_validation, num_repeats)
    warnings: list[str] = []
    inputs: dict[PreprocessingConfig, Inputs] = {}
    folders = {
        config: derivatives_folder(data, out, config, code)
        for config in dict.fromkeys(arm.config.preprocessing for arm in arms)
    }
    outcomes = preprocess(cases, folders, jobs=jobs, progress=progress)
    for config, outcome in outcomes.items():
        if not folders[config].is_relative_to(data):
            warnings.append(f"{data} is read-only; preprocessed cases are kept in {folders[config]}")
        _refuse_failures(outcome)
        inputs[config] = Inputs.read(outcome.paths)
        warnings += grouped(outcome.warnings)
    store_folds(folds, out)
    return Prepared(
        cases=cases,
        folds=folds,
        drawn=drawn,
        inputs=inputs,
        code=code,
        facts={
            "dataset_digest": dataset_digest(data_set),
            "folds_digest": store_folds(drawn, out),
            "checkpoint_rule": CHECKPOINT_RULE,
            # Without the components of an arm, in which arms differ on purpose.
            "source_digest": code.of(FOLD_RUNS),
        },
        patients=patient_names(data_set),
        metrics=metrics,
        warnings=tuple(warnings),
        further=tuple(
            _repeat(
                draw_split(data_set, own, with_cta_only=with_cta_only)[1],
                draw_folds(data_set, own),
                out,
            )
            for own in further
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """The data of a search: the cases that its trials are cross-validated on, and one fold of test cases that they
    never see."""

    trials: Prepared
    held_out: Prepared


def hold_out(prepared: Prepared, base: ArmConfig, out: Path) -> Split:
    """Hold the test cases of the first fold out, and draw the folds of the trials over the other cases.

    Raises:
        BadInput: too few patients are left for the folds.
    """
    outer = prepared.folds[0]
    rest = tuple(case for case in prepared.cases if case.case_id not in outer.test)
    try:
        folds = draw_folds(rest, base.cross_validation)
    except BadInput as error:
        raise BadInput(f"without the {len(outer.test)} cases that the search holds out: {error}") from None
    return Split(
        trials=prepared.on(rest, folds, out),
        held_out=prepared.only((outer.index,), out),
    )


def _refuse_failures(outcome: PreprocessedCases) -> None:
    """Refuse failed cases: a sweep on fewer cases than its data set lists would be another sweep."""
    if not outcome.failures:
        return
    first, *others = outcome.failures.values()
    more = f" (and {len(others)} more cases cannot be used; hemosweep data check names them all)" if others else ""
    raise BadInput(f"{first}{more}")


def store_folds(folds: Sequence[Fold], out: Path) -> str:
    """Write the folds under the digest of the complete split, and return that digest."""
    split = [{part: getattr(fold, part) for part in ("index", "train", "validation", "test")} for fold in folds]
    digest = digest_json(split)
    path = out / "folds" / f"{digest}.json"
    if not path.is_file():
        write_json(path, split)
    return digest
