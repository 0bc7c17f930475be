"""Specification of a fold run of another program: its arm, its split, and what is known of its training.

Its folder holds predictions and scores, sealed as those of any fold run, and no weights: nothing was trained here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hemosweep.digest import digest_json
from hemosweep.errors import BadInput
from hemosweep.foldrun.spec import EXTERNAL, SPEC_NAME, CaseInput, read_json, write_json


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalArm:
    """Arm of another program, trained once.

    `program` and `version` name the program, `settings` what it was trained with, in the program's own words. `facts`
    decide whether it may be compared. The reference of a case is `lesion_label` of its mask. `predictions` is the
    digest of all its predictions (`digest_of`): those of another training are another arm.
    """

    sweep: str
    arm: str
    seed: int
    program: str
    version: str
    settings: str
    facts: tuple[tuple[str, str], ...]
    predictions: str
    lesion_label: int | None = None

    @property
    def run_name(self) -> str:
        return f"{self.arm}@{self.seed}" if self.seed else self.arm


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalSpec:
    """One fold of an external arm. The path of a case is that of its lesion mask.

    `predictions` are the digests of the predicted masks, by case id: the name of the fold run rests on them, and on no
    code.
    """

    of: ExternalArm
    fold: int
    train: tuple[CaseInput, ...]
    validation: tuple[CaseInput, ...]
    test: tuple[CaseInput, ...]
    predictions: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Name of the fold run."""
        split = {part: [case.case_id for case in getattr(self, part)] for part in ("train", "validation", "test")}
        return digest_json({EXTERNAL: asdict(self.of), "predictions": dict(self.predictions), **split})

    def write(self, folder: Path) -> None:
        parts = {name: [asdict(case) for case in getattr(self, name)] for name in ("train", "validation", "test")}
        record = {
            EXTERNAL: asdict(self.of),
            "digest": self.digest,
            "source": None,
            "seed": self.of.seed,
            "fold": self.fold,
            "predictions": dict(self.predictions),
        }
        write_json(folder / SPEC_NAME, record | parts)

    @classmethod
    def read(cls, folder: Path) -> "ExternalSpec":
        """
        Raises:
            BadInput: there is none, or it is damaged.
        """
        try:
            values = read_json(folder / SPEC_NAME)
            arm = values[EXTERNAL]
            return cls(
                of=ExternalArm(**{**arm, "facts": tuple((name, fact) for name, fact in arm["facts"])}),
                fold=values["fold"],
                train=tuple(CaseInput(**case) for case in values["train"]),
                validation=tuple(CaseInput(**case) for case in values["validation"]),
                test=tuple(CaseInput(**case) for case in values["test"]),
                predictions=values["predictions"],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"{folder}: {SPEC_NAME} is damaged; delete this folder and import its results again"
            ) from error


def digest_of(predictions: Mapping[str, str]) -> str:
    """Digest of all predictions of an arm, from their own by case id."""
    return digest_json(dict(predictions))


def external_name(spec: object) -> str | None:
    """Name of a fold run of another program, from its spec as plain JSON; None for any other."""
    arm = spec.get(EXTERNAL) if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(arm, dict):
        return None
    return f"{arm.get('sweep')}/{arm.get('arm')}@{arm.get('seed')} fold {spec.get('fold')}"
