"""Files of a model: the fold ensemble of an arm, as others may have it.

`MODEL.json` has the configuration, everything else that a prediction needs, and the digest of each other file. Weights
are safetensors: numbers and their names, from which nothing can be run. Names of cases and places are not kept.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from hemosweep.components.project import finder
from hemosweep.components.record import types_in
from hemosweep.config import config_as_dict, config_from_dict
from hemosweep.digest import digest_json
from hemosweep.errors import BadInput
from hemosweep.foldrun.spec import FoldRunSpec, json_text
from hemosweep.identity.stages import Code, is_own
from hemosweep.inference.ensemble import Ensemble, EnsembleCases, build_model
from hemosweep.model.device import choose_device
from hemosweep.prediction.arm import Arm, make_arm
from hemosweep.privacy import public

MODEL_NAME, CARD_NAME = "MODEL.json", "README.md"
MODEL_FORMAT = 1
_ANEW = "promote its run again with --force"


def weight_files(arm: Arm) -> dict[str, bytes]:
    """The weights of each fold, by the name of their file."""
    return {
        f"fold-{spec.fold}.safetensors": save(
            # Each tensor by itself: the format has no tensors that share their numbers.
            {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}
        )
        for spec, model in zip(arm.ensemble.specs, arm.ensemble.models, strict=True)
    }


def weights_digest(files: Mapping[str, bytes]) -> str:
    """Digest of all weights."""
    return digest_json({name: _sha256(content) for name, content in files.items()})


def write_model(
    folder: Path, arm: Arm, weights: Mapping[str, bytes], *, facts: Mapping[str, str | None], card: str
) -> str:
    """Write the files of a model; return the digest of `MODEL.json`, which has those of the others.

    Args:
        facts: what is recorded about the run, for readers.
        card: the model's description, in Markdown.
    """
    specs = arm.ensemble.specs
    files = {**weights, CARD_NAME: card.encode()}
    record = {
        "format": MODEL_FORMAT,
        "run": {"name": arm.name, "run_id": arm.run_id, "digest": arm.digest},
        "facts": dict(facts),
        "config": public(config_as_dict(arm.ensemble.config)),
        "source": specs[0].source,
        "project_source": specs[0].project_source,
        "prepared": arm.prepared,
        "cohort": specs[0].cohort,
        "seen": dict(sorted(arm.ensemble_cases.seen.items())),
        "num_missing": arm.ensemble_cases.num_missing,
        "folds": [
            {"fold": spec.fold, "seed": spec.seed, "digest": spec.digest, "weights": name}
            for spec, name in zip(specs, weights, strict=True)
        ],
        "files": {name: {"sha256": _sha256(content), "bytes": len(content)} for name, content in files.items()},
    }
    content = json_text(record).encode()
    for name, written in {**files, MODEL_NAME: content}.items():
        (folder / name).write_bytes(written)
    return _sha256(content)


def read_model(folder: Path, digest: str, name: str, *, out: Path, project: Path | None = None) -> Arm:
    """Load the ensemble of a model. Every file is compared with its digest before it is used, and nothing is unpickled.

    Args:
        digest: that of `MODEL.json`, as it was registered.
        name: of the model, for messages.
        out: folder that keeps digests of code.
        project: where the project of the network's own components is; None where it has none.

    Raises:
        BadInput: a file is missing or another one, the model is of another version of hemosweep, or its project's code
            is not here.
    """
    record = _read_record(_checked(folder, MODEL_NAME, digest, name), name)
    files = {file: entry["sha256"] for file, entry in record["files"].items()}
    contents = {file: _checked(folder, file, sha256, name) for file, sha256 in files.items()}
    root = _project(record, name, out, project)
    try:
        config = config_from_dict(record["config"], finder(root))
        specs = tuple(
            FoldRunSpec(
                digest=fold["digest"],
                source=record["source"],
                project_source=record["project_source"],
                project=None if root is None else str(root),
                config=config,
                seed=fold["seed"],
                fold=fold["fold"],
                train=(),
                validation=(),
                test=(),
                cohort=tuple((str(key), float(low), float(high)) for key, low, high in record["cohort"]),
            )
            for fold in record["folds"]
        )
        device = choose_device(deterministic=config.training.deterministic)
        models = [build_model(config, load(contents[fold["weights"]])) for fold in record["folds"]]
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from error
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise BadInput(f"{name}: cannot be made from its files; take the version of hemosweep that made it") from error
    ensemble = Ensemble(specs=specs, models=tuple(map(device.place, models)), device=device)
    cases = EnsembleCases(ensemble, record["seen"])
    cases.num_missing = record["num_missing"]
    return make_arm(
        name=f"{name} ({record['run']['name']})",
        run_id=record["run"]["run_id"],
        digest=record["run"]["digest"],
        ensemble=ensemble,
        ensemble_cases=cases,
        prepared=record["prepared"],
        out=out,
        project=root,
    )


def _read_record(content: bytes, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(content)
    if record.get("format") != MODEL_FORMAT:
        raise BadInput(f"{name}: a later version of hemosweep made this model; install that, or {_ANEW}")
    return record


def _checked(folder: Path, file: str, sha256: str, name: str) -> bytes:
    """Content of a file, which is the one that was registered."""
    if Path(file).name != file:
        raise BadInput(f"{name}: {file} is no name of a file of a model; do not use it")
    try:
        content = (folder / file).read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{name}: its file {file} is missing; {_ANEW}") from None
    if _sha256(content) != sha256:
        raise BadInput(f"{name}: its file {file} is not the one that was registered; do not use it, and {_ANEW}")
    return content


def _project(record: Mapping[str, Any], name: str, out: Path, given: Path | None) -> Path | None:
    """The project of the components that are not hemosweep's, compared with its digest; None where there are none."""
    theirs = [found for found in types_in(record["config"]) if not is_own(found)]
    if not theirs:
        return None
    named = ", ".join(theirs)
    if given is None or not given.is_dir():
        raise BadInput(f"{name}: needs {named}, which is not hemosweep's; say with --project where its project is")
    root = given.resolve()
    try:
        digest = Code(project=root, cache_in=out).of_project(theirs)
    except BadInput as error:
        raise BadInput(f"{name}: needs {named}; {error}") from error
    if digest != record["project_source"]:
        raise BadInput(f"{root}: the code of {named} is not the one that {name} was trained with; take that version")
    return root


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
