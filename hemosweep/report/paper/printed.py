"""The figures that the paper prints (Abramova et al. 2021, doi 10.1016/j.compmedimag.2021.101908), by sweep and arm."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_PRINTED_AS = {("final", "final"): ("symmetric", "lesion|hyperdense/symmetric"), ("final", "unet"): ("se", "unet")}
"""The final configuration (Section 3.6) has no table of its own: it is the last row of Table 4, its baseline the first
of Table 2."""
_REPEATED = dict.fromkeys([("se", "se_unet"), ("sampling", "brain")], "SE U-Net, brain mask")
"""One condition that the paper prints in two tables, with different figures."""


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


def paper_difference(sweep: str, a: str, b: str) -> float | None:
    """B - A of the means that the paper prints, with their rounding; None where it does not print both."""
    first, second = paper_arm(sweep, a), paper_arm(sweep, b)
    if first is None or second is None:
        return None
    return round(second.dsc[0] - first.dsc[0], 3)


def paper_place(sweep: str) -> str | None:
    """Place where the paper prints an ablation, such as "Table 3"; None where it does not."""
    if sweep == "final":
        return "abstract, Section 3.6 and the last row of Table 4"
    printed = paper_results()["ablations"].get(sweep)
    if printed is None:
        return None
    return str(printed["where"])


def paper_notes(sweep: str, arm: str, dsc: Sequence[float] = ()) -> list[str]:
    """Remarks of the paper on an arm beside its row in a table, in lines for a reader.

    Args:
        dsc: our scores, which are compared with the paper's distribution of the final arm; none for no such remark.
    """
    notes = []
    if (sweep, arm) in _REPEATED:
        sweep_table = paper_results()["ablations"][sweep]["where"]
        for table, (mean, sd) in paper_results()["printed_twice_differently"][_REPEATED[sweep, arm]].items():
            if table != sweep_table:
                notes.append(f"The paper prints {arm} once more, in {table}, as {mean:.3f} ±{sd:.3f}: its own repeat.")
    if (sweep, arm) == ("final", "final") and dsc:
        printed = paper_results()["final_distribution"]
        above_08, above_09 = (100 * sum(value > bound for value in dsc) / len(dsc) for bound in (0.8, 0.9))
        notes.append(
            f"DSC above 0.8 in {above_08:.0f}% of the cases (paper {100 * printed['share_dsc_over_0.8']:.0f}%), "
            f"above 0.9 in {above_09:.0f}% ({100 * printed['share_dsc_over_0.9']:.0f}%), "
            f"below 0.7 in {sum(value < 0.7 for value in dsc)} of {len(dsc)} "
            f"({printed['cases_under_0.7']} of {paper_results()['n_cases']})."
        )
    return notes


def _mean_sd(printed: dict[str, Any], name: str) -> tuple[float, float] | None:
    if name not in printed:
        return None
    mean, sd = printed[name]
    return mean, sd


def _printed(sweep: str, arm: str) -> dict[str, Any] | None:
    sweep, arm = _PRINTED_AS.get((sweep, arm), (sweep, arm))
    arms: dict[str, dict[str, Any]] = paper_results()["ablations"].get(sweep, {}).get("arms", {})
    return arms.get(arm)


@cache
def paper_results() -> dict[str, Any]:
    """Everything that the paper prints, as the file has it."""
    text = files("hemosweep.report").joinpath("paper_results.json").read_text(encoding="utf-8")
    results: dict[str, Any] = json.loads(text)
    return results
