"""The figures that the paper prints (Abramova et al. 2021, doi 10.1016/j.compmedimag.2021.101908), by sweep and arm."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperArm:
    """DSC of one arm: (mean, sd) over all cases and by IVH, and the extreme cases. None = not printed."""

    dsc: tuple[float, float]
    ivh: tuple[float, float] | None
    no_ivh: tuple[float, float] | None
    min: float | None
    max: float | None


def paper_arm(sweep: str, arm: str) -> PaperArm | None:
    """The paper's figures for an arm, or None where it prints none."""
    printed = _printed(sweep, arm)
    if printed is None:
        return None
    mean, sd = printed["dsc"]
    return PaperArm(
        dsc=(mean, sd),
        ivh=_mean_sd(printed, "ivh"),
        no_ivh=_mean_sd(printed, "no_ivh"),
        min=printed.get("min"),
        max=printed.get("max"),
    )


def paper_comparison(sweep: str, arm: str) -> tuple[str, str] | None:
    """The arm that the paper compares `arm` with, and the bound that it prints for p, such as ("unet", "<0.01")."""
    printed = _printed(sweep, arm)
    return (printed["versus"], printed["p"]) if printed is not None and "p" in printed else None


def _mean_sd(printed: dict[str, Any], name: str) -> tuple[float, float] | None:
    if name not in printed:
        return None
    mean, sd = printed[name]
    return mean, sd


def _printed(sweep: str, arm: str) -> dict[str, Any] | None:
    arms: dict[str, dict[str, Any]] = _results()["ablations"].get(sweep, {}).get("arms", {})
    return arms.get(arm)


@cache
def _results() -> dict[str, Any]:
    text = files("hemosweep.report").joinpath("paper_results.json").read_text(encoding="utf-8")
    results: dict[str, Any] = json.loads(text)
    return results
