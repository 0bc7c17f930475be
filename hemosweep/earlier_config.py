"""Configurations of earlier versions, read as those of this one.

Until version 0.1 a loss, a restriction and a window were names and numbers; now they are components.
"""

from typing import Any

from hemosweep.components.record import TYPE, as_json
from hemosweep.sampling.restriction import restriction

_LOSSES = {"dice_ce": "hemosweep.model.losses.dice_ce.DiceCE", "focal": "hemosweep.model.losses.focal.Focal"}
_NETWORK = "hemosweep.model.networks.se_unet.SEUNet3D"
_ADADELTA = "hemosweep.model.optimisers.adadelta.Adadelta"
_WINDOW = "hemosweep.intensity.window.Window"
_OF_RESTRICTION = (
    "border_share",
    "ventricle_share",
    "border_half_width_mm",
    "center_half_width_mm",
    "hyperdense_hu",
)


def brought_up_to_date(values: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration in the form of this version; one that has it already is returned as it is.

    Raises:
        KeyError, TypeError: it is no configuration.
        BadInput: it names a restriction that never existed.
    """
    if "network" in values:
        return values
    sections = {name: dict(section) for name, section in values.items()}
    preprocessing, sampling, training = (sections[name] for name in ("preprocessing", "sampling", "training"))
    for window, intensity in (("window_hu", "intensity"), ("angiography_window_hu", "angiography_intensity")):
        low_hu, high_hu = preprocessing.pop(window)
        preprocessing[intensity] = {TYPE: _WINDOW, "low_hu": low_hu, "high_hu": high_hu}
    name = sampling["restriction"]
    sampling["restriction"] = as_json(restriction(name, **{key: sampling.pop(key) for key in _OF_RESTRICTION}))
    gamma = training.pop("focal_gamma")
    loss = training["loss"]
    training["loss"] = {TYPE: _LOSSES[loss]} | ({"gamma": gamma} if loss == "focal" else {})
    training["optimiser"] = {TYPE: _ADADELTA, "learning_rate": training.pop("learning_rate")}
    return {"network": {TYPE: _NETWORK} | sections.pop("model")} | sections
