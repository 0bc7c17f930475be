"""Defaults that the fields of a configuration were born with.

A field that has the default of its birth stays out of the digest of a configuration, so that a new field leaves every
name as it was. A default that changes later changes nothing here: the old value is still the one that is left out.
"""

from typing import Any

from hemosweep.components.record import TYPE

_NEVER = object()

BIRTH_DEFAULTS: dict[str, dict[str, Any]] = {
    "preprocessing": {
        "spacing_HWD_mm": None,
        "make_finer": False,
        "shape_HWD": None,
        "intensity": {TYPE: "hemosweep.intensity.window.Window", "low_hu": 0.0, "high_hu": 100.0},
        "ct_channels": [],
        "symmetric": "none",
        "angiography": False,
        "angiography_intensity": {TYPE: "hemosweep.intensity.window.Window", "low_hu": 0.0, "high_hu": 300.0},
        "lesion_label": None,
    },
    "sampling": {
        "patch_HWD": [32, 32, 16],
        "num_patches_per_case": 3000,
        "restriction": _NEVER,
        "augment": False,
        "centres": "random",
        "transforms": [],
    },
    "network": {},
    "training": {
        "loss": _NEVER,
        "optimiser": _NEVER,
        "schedule": {TYPE: "hemosweep.model.schedules.constant.Constant"},
        "deterministic": False,
        "batch_size": 64,
        "max_epochs": 100,
        "patience": 15,
    },
    "inference": {"overlap": 0.5, "threshold": 0.5, "postprocessing": []},
    "cross_validation": {"num_folds": 5, "fold_seed": 2021, "validation_share": 0.2},
}
"""Section to field to the record of its first default. A new field is entered here, and never changed."""
LATER_FIELDS: dict[str, dict[str, Any]] = {
    "hemosweep.model.networks.se_unet.SEUNet3D": {"channel_dropout": False},
    "hemosweep.model.networks.swin_unetr.SwinUNETR": {"window": 7},
    "hemosweep.model.optimisers.sgd.SGD": {"clip_norm": None},
}
"""Component to each field that it was given after its birth, with the default that keeps its results as they were."""


def without_birth_defaults(section: str, record: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The fields of a section's record that count in a digest, also within its components.

    Args:
        defaults: the present defaults, for a field that is not entered yet.
    """
    born = BIRTH_DEFAULTS[section]
    counted = {
        name: value
        for name, value in record.items()
        if section == "network" or value != born.get(name, defaults.get(name, _NEVER))
    }
    stripped: dict[str, Any] = _without_later_fields(counted)
    return stripped


def _without_later_fields(value: Any) -> Any:
    """A record without the later fields of its components that have the default of their birth."""
    if isinstance(value, list | tuple):
        return [_without_later_fields(item) for item in value]
    if not isinstance(value, dict):
        return value
    later = LATER_FIELDS.get(str(value.get(TYPE)), {})
    return {
        name: _without_later_fields(item) for name, item in value.items() if name not in later or item != later[name]
    }
