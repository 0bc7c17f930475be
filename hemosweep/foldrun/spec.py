"""The specification of a fold run: the whole input of its child process, in one JSON file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hemosweep.components.record import FindType, as_json, find_own, from_json
from hemosweep.config import ArmConfig, config_as_dict, config_from_dict
from hemosweep.errors import BadInput
from hemosweep.files import write_text
from hemosweep.privacy import places_in
from hemosweep.scores.metric import Metric
from hemosweep.scores.table import UNKNOWN

SPEC_NAME = "spec.json"
JOURNAL_NAME = "events.jsonl"
CHECKPOINT_NAME = "checkpoint.pt"
WEIGHTS_NAME = "weights.pt"
NON_FINITE_NAME = "non_finite.pt"
SCORES_NAME = "scores.json"
DONE_NAME = "done.json"
LOG_NAME = "log.txt"
PREDICTIONS_NAME = "predictions"
EXTERNAL = "external"
"""First key of the spec of a fold run of another program (`foldrun.external`)."""
_EXTERNAL_HEAD = f'{{\n "{EXTERNAL}": '.encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseInput:
    """One preprocessed case of a fold run.

    `patient_id` is a name that cases of one patient share (`hemosweep.data.case.patient_names`), "n/a" where it is not
    known, as in the spec of a version that did not keep it.
    """

    case_id: str
    ivh: str
    path: str
    patient_id: str = UNKNOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldRunSpec:
    """One fold run: an arm's configuration, a seed, and the cases of one split.

    `source` is the digest of the source code that the fold run's name was made with; None where nobody checks it.
    `project` is the root of the user's project that components of the arm or metrics belong to; None where they are all
    hemosweep's. `project_source` is the digest of its files that the components need, `metrics_source` of those that
    the metrics need.
    `metrics` are those of the sweep, beside ours and those of installed packages.
    `cohort` has the name, lowest and highest value of each number of the arm's cases (`preprocessing.overview`), for
    the prediction of others; it is empty where a version made the spec that did not keep it. It changes no result.
    """

    digest: str
    source: str | None = None
    project_source: str | None = None
    metrics_source: str | None = None
    project: str | None = None
    config: ArmConfig
    seed: int
    fold: int
    train: tuple[CaseInput, ...]
    validation: tuple[CaseInput, ...]
    test: tuple[CaseInput, ...]
    metrics: tuple[Metric, ...] = ()
    cohort: tuple[tuple[str, float, float], ...] = ()

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        names = ("digest", "source", "project_source", "metrics_source", "project", "seed", "fold")
        fields = {name: getattr(self, name) for name in names}
        metrics = [as_json(metric) for metric in self.metrics]
        parts = {name: [asdict(case) for case in getattr(self, name)] for name in ("train", "validation", "test")}
        cohort = {"cohort": self.cohort} if self.cohort else {}
        record = fields | {"config": config_as_dict(self.config), "metrics": metrics} | cohort | parts
        write_json(folder / SPEC_NAME, record)

    @classmethod
    def read(cls, folder: Path, find: FindType = find_own, *, with_metrics: bool = True) -> "FoldRunSpec":
        """Read the spec of a folder, also one of an earlier version.

        Args:
            find: returns the class of a recorded component; by default only those of hemosweep. `identity.trusted`
                has the one for an arm with components of the user's project.
            with_metrics: read the sweep's metrics, too.

        Raises:
            BadInput: there is none, it is damaged, or as `find`.
        """
        try:
            values = read_json(folder / SPEC_NAME)
            if EXTERNAL in values:
                program = values[EXTERNAL]["program"]
                raise BadInput(
                    f"{folder}: is a fold run of {program}, whose weights are not here; use {program} itself"
                )
            return cls(
                digest=values["digest"],
                source=values["source"],
                project_source=values.get("project_source"),
                metrics_source=values.get("metrics_source"),
                project=values.get("project"),
                config=config_from_dict(values["config"], find),
                metrics=from_json(values.get("metrics", []) if with_metrics else [], find),
                seed=values["seed"],
                fold=values["fold"],
                train=tuple(CaseInput(**case) for case in values["train"]),
                validation=tuple(CaseInput(**case) for case in values["validation"]),
                test=tuple(CaseInput(**case) for case in values["test"]),
                cohort=tuple((str(name), float(low), float(high)) for name, low, high in values.get("cohort", ())),
            )
        except FileNotFoundError:
            raise BadInput(f"{folder}: not a fold run's folder, it has no {SPEC_NAME}") from None
        except BadInput:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"{folder}: {SPEC_NAME} is damaged, or of another version; run its sweep again") from error


def is_external(folder: Path) -> bool:
    """True if a folder holds a fold run of another program. Only the beginning of its spec is read."""
    try:
        with (folder / SPEC_NAME).open("rb") as file:
            return file.read(len(_EXTERNAL_HEAD)) == _EXTERNAL_HEAD
    except OSError:
        return False


def places_of(folder: Path) -> set[Path]:
    """Folders that a fold run works with: its own, those of its cases and its project, and the folders above them."""
    try:
        spec = read_json(folder / SPEC_NAME)
    except (OSError, ValueError):
        spec = None
    return places_in([str(folder.absolute() / SPEC_NAME), spec])


def read_json(path: Path) -> Any:
    """Return the value of a JSON file.

    Raises:
        ValueError: it is damaged.
    """
    return json.loads(path.read_text(encoding="utf-8"))


def json_text(value: Any) -> str:
    """Text of a value in a JSON file of ours."""
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write JSON: whole or not at all."""
    write_text(path, json_text(value))
