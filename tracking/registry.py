"""Models in MLflow's registry: fold ensembles as model versions, of an output folder's store or of another one."""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.runs import FACT_PREFIX, RunRecord
from hemosweep.sqlite import usable
from hemosweep.tracking import schema
from hemosweep.tracking.address import parse_address
from hemosweep.tracking.backend import ALREADY_EXISTS, DOES_NOT_EXIST, MlflowClient, MlflowException, ModelVersion
from hemosweep.tracking.connection import connect, one_line_faults
from hemosweep.tracking.experiments import artifacts_beside, obtain_experiment
from hemosweep.tracking.store import existing_store

TAG_MODEL, TAG_WEIGHTS = f"{FACT_PREFIX}model_digest", f"{FACT_PREFIX}weights_digest"
TAG_PATH, TAG_RUN = f"{FACT_PREFIX}model_path", f"{FACT_PREFIX}run"
EXPERIMENT = "hemosweep-models"
"""Experiment of the runs that hold models whose own run the store does not have."""
_FOLDER = "models"
_MAX_DESCRIPTION = 5000
"""Longest description that MLflow's database has room for."""
_REFERENCE = re.compile(r"(?P<name>[^/:@]+)(?:@(?P<alias>[\w-]+)|/(?P<version>\d+))")


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """A registry. `usable` gives the context in which its client is called, `artifacts` the place of the models of runs
    that the store does not have; None where the server decides."""

    place: str
    client: MlflowClient
    usable: Callable[[], AbstractContextManager[None]]
    artifacts: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """A model version. `is_new` is False where it was there already."""

    name: str
    version: str
    is_new: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """A model version, whose files lie in `folder`. `digest` is that of its first file."""

    name: str
    folder: Path
    digest: str


def open_registry(out: Path, uri: str | None = None) -> Registry:
    """The registry of an output folder's own store, or that of another store, such as `http://HOST:PORT`.

    Raises:
        BadInput: the folder has no store, or the URI is none.
    """
    if uri is None:
        store = existing_store(out)
        return Registry(
            place=str(out),
            client=store.client,
            usable=partial(usable, store.database),
            artifacts=artifacts_beside(store.database, EXPERIMENT),
        )
    address = parse_address(uri)
    if address.sweep is not None:
        raise BadInput(f"{uri}: names a sweep; give the address of the server alone, {address.uri}")
    return Registry(
        place=address.place,
        client=connect(address.uri),
        usable=partial(one_line_faults, address.uri),
        artifacts=artifacts_beside(address.database, EXPERIMENT) if address.database else None,
    )


def model_name(run: RunRecord) -> str:
    """Name of a run's model where the user gives none; MLflow allows no slash and no colon in one."""
    return re.sub(r"[^\w.+-]+", "-", f"hemosweep-{run.sweep}-{run.arm}")


def find_version(registry: Registry, name: str, run: RunRecord, weights: str) -> Registered | None:
    """The newest version of a model that has a run's weights; None where there is none."""
    with _told(registry):
        versions = registry.client.search_model_versions(f"name = '{name}'")
        same = [
            int(version.version)
            for version in versions
            if (version.tags.get(schema.TAG_REPLICATE), version.tags.get(TAG_WEIGHTS)) == (run.digest, weights)
        ]
    return Registered(name=name, version=str(max(same)), is_new=False) if same else None


def register(
    registry: Registry, name: str, run: RunRecord, folder: Path, *, digest: str, weights: str, card: str
) -> Registered:
    """Add the model in a folder as a new version. Its files become artifacts of its run, or of a run made for it.

    Args:
        digest: of its first file, which has those of the others.
        weights: digest of its weights.
        card: its description, in Markdown.

    Raises:
        BadInput: the store cannot be reached, or refuses.
    """
    client, path = registry.client, f"{_FOLDER}/{digest[:16]}"
    tags = {
        TAG_MODEL: digest,
        TAG_WEIGHTS: weights,
        TAG_PATH: path,
        TAG_RUN: run.full_name,
        schema.TAG_REPLICATE: run.digest,
        **{f"{FACT_PREFIX}{fact}": value for fact in ("dataset_digest", "profile") if (value := run.fact(fact))},
    }
    with _told(registry):
        run_id = _holder(registry, name, run)
        client.log_artifacts(run_id, str(folder), path)
        try:
            client.create_registered_model(name, description="Fold ensembles of hemosweep. For research only.")
        except MlflowException as error:
            if error.error_code != ALREADY_EXISTS:
                raise
        version = client.create_model_version(
            name, f"runs:/{run_id}/{path}", run_id, tags=tags, description=_bounded(card)
        )
    return Registered(name=name, version=str(version.version), is_new=True)


def set_alias(registry: Registry, registered: Registered, alias: str) -> None:
    """Let an alias mean a version; it means no other one of the model then."""
    with _told(registry):
        registry.client.set_registered_model_alias(registered.name, alias, registered.version)


def fetch(registry: Registry, reference: str, folder: Path) -> Fetched:
    """Copy the files of a model into a folder. They are not checked yet.

    Args:
        reference: NAME@ALIAS or NAME/VERSION.

    Raises:
        BadInput: there is no such model, another program registered it, or the store cannot be reached.
    """
    matched = _REFERENCE.fullmatch(reference)
    if matched is None:
        raise BadInput(f"--model {reference}: give NAME@ALIAS or NAME/VERSION")
    with _told(registry):
        version = _find(registry, matched.groupdict(), reference)
        digest, path = version.tags.get(TAG_MODEL), version.tags.get(TAG_PATH)
        if digest is None or path is None or not version.run_id:
            raise BadInput(f"{registry.place}: model {reference} was not registered by hemosweep promote")
        name = f"model {version.name} version {version.version}"
        try:
            copied = registry.client.download_artifacts(version.run_id, path, str(folder))
        except (MlflowException, OSError) as error:
            if isinstance(error, MlflowException) and error.error_code != DOES_NOT_EXIST:
                raise
            raise BadInput(
                f"{registry.place}: the files of {name} are gone; promote its run again with --force"
            ) from error
    return Fetched(name=name, folder=Path(copied), digest=digest)


def _find(registry: Registry, parts: Mapping[str, str | None], reference: str) -> ModelVersion:
    client, name = registry.client, parts["name"] or ""
    try:
        if parts["alias"] is not None:
            return client.get_model_version_by_alias(name, parts["alias"])
        return client.get_model_version(name, parts["version"] or "")
    except MlflowException as error:
        if error.error_code not in (DOES_NOT_EXIST, "INVALID_PARAMETER_VALUE"):
            raise
    names = [model.name for model in client.search_registered_models()]
    if name not in names:
        nearest = difflib.get_close_matches(name, names, n=5, cutoff=0.3) or names[:5]
        raise BadInput(f"{registry.place} has no model {name!r}; nearest: {', '.join(nearest) or 'none, it has none'}")
    model = client.get_registered_model(name)
    found = client.search_model_versions(f"name = '{name}'")
    versions = ", ".join(map(str, sorted(int(version.version) for version in found)))
    aliases = ", ".join(sorted(model.aliases)) or "no alias"
    raise BadInput(f"{registry.place} has no {reference}; the model has versions {versions or 'none'}, and {aliases}")


def _holder(registry: Registry, name: str, run: RunRecord) -> str:
    """Id of the run that holds the files: the arm's own where the store has it, else one in `EXPERIMENT`."""
    client = registry.client
    of_run = f"tags.`{schema.TAG_REPLICATE}` = '{run.digest}'"
    own = client.get_experiment_by_name(schema.experiment_name(run.sweep))
    if own is not None and own.lifecycle_stage == "active":
        of_arm = f"{of_run} AND tags.`{schema.TAG_LEVEL}` = '{schema.LEVEL_ARM}'"
        for found in client.search_runs([own.experiment_id], of_arm, max_results=1):
            return str(found.info.run_id)
    experiment_id = str(obtain_experiment(client, EXPERIMENT, registry.artifacts).experiment_id)
    for found in client.search_runs([experiment_id], of_run, max_results=1):
        return str(found.info.run_id)
    tags = {schema.TAG_REPLICATE: run.digest, TAG_RUN: run.full_name}
    created = client.create_run(experiment_id, tags=tags, run_name=name)
    client.set_terminated(created.info.run_id)
    return str(created.info.run_id)


def _bounded(card: str) -> str:
    if len(card) <= _MAX_DESCRIPTION:
        return card
    pointer = "\n\n... (the whole card is README.md among the files)"
    return card[: _MAX_DESCRIPTION - len(pointer)] + pointer


@contextmanager
def _told(registry: Registry) -> Iterator[None]:
    """Context of calls of a registry's client, whose refusals are one line."""
    try:
        with registry.usable():
            yield
    except MlflowException as error:
        raise BadInput(f"{registry.place}: {str(error).splitlines()[0]}") from error
