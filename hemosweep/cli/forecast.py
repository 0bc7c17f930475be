"""`hemosweep plan`: how long a sweep would train on this machine."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hemosweep.cli.request import Request
from hemosweep.data.folds import draw_folds
from hemosweep.data.manifest import read_manifest
from hemosweep.engine.forecast import forecast_seconds
from hemosweep.model.device import choose_device
from hemosweep.report.progress import duration


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """Training time of each arm on this machine; inference comes on top."""

    sweep: str
    profile: str
    device: str
    num_cases: int
    num_fold_runs: int
    arm_seconds: Mapping[str, float]

    @property
    def seconds(self) -> float:
        return sum(self.arm_seconds.values())

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"seconds": self.seconds}

    def as_text(self) -> str:
        arms = ", ".join(f"{arm} {duration(seconds)}" for arm, seconds in self.arm_seconds.items())
        return (
            f"forecast for {self.sweep} ({self.profile} profile) on {self.device}, {self.num_cases} cases, "
            f"{self.num_fold_runs} fold runs: about {duration(self.seconds)} of training ({arms})"
        )


def forecast_study(request: Request) -> Forecast:
    """Time a few training steps of every arm on this machine and reckon the sweep from them.

    Raises:
        BadInput: the data set cannot be listed, or has too few patients for the folds.
    """
    num_cases = request.profile.phantom_cases
    if request.data is not None:
        cases = read_manifest(request.data)
        draw_folds(cases, request.base.cross_validation)
        num_cases = len(cases)
    device = choose_device()
    seconds = forecast_seconds([arm.config for arm in request.arms], len(request.seeds), num_cases, device)
    num_folds = request.base.cross_validation.num_folds
    return Forecast(
        sweep=request.sweep.name,
        profile=request.profile.name,
        device=device.name,
        num_cases=num_cases,
        num_fold_runs=len(request.arms) * len(request.seeds) * num_folds,
        arm_seconds=dict(zip((arm.name for arm in request.arms), seconds, strict=True)),
    )
