"""The name of a fold run: a digest of everything that can change its result (DESIGN.md, *Identity*)."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from hemosweep.config import ArmConfig, PreprocessingConfig, config_as_dict, section_as_dict
from hemosweep.digest import digest_json
from hemosweep.identity.birth_defaults import without_birth_defaults

if TYPE_CHECKING:
    from hemosweep.data.folds import Fold


def fold_run_digest(config: ArmConfig, seed: int, fold: "Fold", contents: Mapping[str, str], source: str) -> str:
    """Digest of one fold run.

    The fold counts through its case ids, not its number; the cross-validation settings that drew it do not count.

    Args:
        contents: content digest of each preprocessed case.
        source: digest of the code of the stage and of the arm's components (`Code.of_fold_runs`).
    """
    used = (*fold.train, *fold.validation, *fold.test)
    return digest_json(
        {
            "config": counted(config),
            "seed": seed,
            "train": fold.train,
            "validation": fold.validation,
            "test": fold.test,
            "inputs": [[case_id, contents[case_id]] for case_id in sorted(used)],
            "source": source,
        }
    )


@cache
def counted(config: ArmConfig) -> dict[str, Any]:
    """The part of a configuration that can change a result, and the values that its sections derive from it."""
    record, defaults = config_as_dict(config), _defaults()
    sections = {
        name: without_birth_defaults(name, values, defaults[name])
        for name, values in record.items()
        if name != "cross_validation"
    }
    derived = {
        "channels": config.preprocessing.channels,
        "num_views": config.sampling.num_views,
        "patch_DHW": config.sampling.patch_DHW,
    }
    return sections | {"derived": derived}


@cache
def _defaults() -> dict[str, Any]:
    return config_as_dict(ArmConfig())


def preprocessing_digest(config: PreprocessingConfig, source: str) -> str:
    """Name of the folder of cases that were preprocessed in one way.

    Args:
        source: digest of the code of the stage and of the components (`Code.of_preprocessing`).
    """
    values = without_birth_defaults("preprocessing", section_as_dict(config), _defaults()["preprocessing"])
    return digest_json([values, config.channels, source])
