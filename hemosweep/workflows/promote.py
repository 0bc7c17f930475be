"""`hemosweep promote RUN`: the fold ensemble of a run as a version of a model in MLflow's registry."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hemosweep.prediction.arm import load_arm
from hemosweep.prediction.model_card import model_card
from hemosweep.prediction.model_files import weight_files, weights_digest, write_model
from hemosweep.runs import find_run
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.registry import find_version, model_name, open_registry, register, set_alias

FACTS = ("profile", "dataset_digest", "folds_digest", "metric_digests", "checkpoint_rule", "source_digest", "subset")
ALIAS = "current"


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """A version of a model. `is_new` is False where the registry had it already."""

    run: str
    name: str
    version: str
    alias: str
    place: str
    is_new: bool
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "warnings": list(self.warnings)}

    def as_lines(self, *, styled: bool = False) -> list[str]:
        state = "is registered" if self.is_new else "was there already"
        return [
            f"{self.run}: model {self.name}, version {self.version}, {state} in {self.place}; alias {self.alias}",
            f"use it: hemosweep predict CT --model {self.name}@{self.alias}",
        ]


def promote(
    out: str | Path,
    reference: str,
    *,
    name: str | None = None,
    alias: str = ALIAS,
    to: str | None = None,
    again: bool = False,
    project: str | Path | None = None,
) -> Promotion:
    """Register the fold ensemble of a finished run as a version of a model.

    The same run has the same version, until it is trained anew.

    Args:
        reference: of the run, as `find_run` takes it.
        name: of the model; by default it follows from sweep and arm.
        alias: of the version.
        to: URI of another MLflow store; None for the output folder's own.
        again: make a new version in any case.
        project: as `predict`.

    Raises:
        BadInput: no such run, it is not complete, or the registry cannot be reached or refuses.
    """
    out = Path(out)
    store = MlflowStore(out)
    run = find_run(store, reference)
    registry = open_registry(out, to)
    arm = load_arm(store, out, run.run_id, None if project is None else Path(project))
    model, weights = name or model_name(run), weight_files(arm)
    digest = weights_digest(weights)
    registered = None if again else find_version(registry, model, run, digest)
    if registered is None:
        card = model_card(model, run, arm, store.case_rows(run.run_id))
        with tempfile.TemporaryDirectory() as folder:
            facts = {fact: run.fact(fact) for fact in FACTS}
            written = write_model(Path(folder), arm, weights, facts=facts, card=card)
            registered = register(registry, model, run, Path(folder), digest=written, weights=digest, card=card)
    set_alias(registry, registered, alias)
    return Promotion(
        run=run.full_name,
        name=registered.name,
        version=registered.version,
        alias=alias,
        place=registry.place,
        is_new=registered.is_new,
        warnings=arm.warnings,
    )
