"""The name of a fold run: a digest of everything that can change its result (DESIGN.md, *Identity*)."""

from collections.abc import Mapping
from typing import Any

from hemosweep.config import ArmConfig, config_as_dict
from hemosweep.data.folds import Fold
from hemosweep.digest import digest_json


def fold_run_digest(config: ArmConfig, seed: int, fold: Fold, contents: Mapping[str, str], source: str) -> str:
    """Digest of one fold run.

    The fold counts through its case ids, not its number; the cross-validation settings that drew it do not count.

    Args:
        contents: content digest of each preprocessed case.
        source: `source_digest()`.
    """
    resolved: dict[str, Any] = config_as_dict(config)
    del resolved["cross_validation"]
    used = (*fold.train, *fold.validation, *fold.test)
    return digest_json(
        {
            "config": resolved,
            "seed": seed,
            "train": fold.train,
            "validation": fold.validation,
            "test": fold.test,
            "inputs": [[case_id, contents[case_id]] for case_id in sorted(used)],
            "source": source,
        }
    )
