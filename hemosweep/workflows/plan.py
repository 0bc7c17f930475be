"""`hemosweep plan`: a sweep looked up, and what it would train forecast."""

from hemosweep.data.manifest import read_manifest
from hemosweep.executors.protocol import set_up_threading
from hemosweep.workflows.forecast import Forecast
from hemosweep.workflows.options import SweepOptions
from hemosweep.workflows.sweeping.request import resolve


def plan_sweep(options: SweepOptions) -> Forecast:
    """List a sweep's fold runs, done, shared and missing, and forecast hours, memory and disk; train nothing.

    Raises:
        BadInput: as `resolve`, `read_manifest`, `check_components` and `forecast_study`.
    """
    request = resolve(options)
    # An unknown name and a data set without a table are refused before the next imports, which take seconds.
    if request.data is not None:
        read_manifest(request.data)
    set_up_threading()
    if request.project is not None:
        from hemosweep.workflows.sweeping.component_check import check_components

        check_components(request.arms, request.sweep.metrics, request.project)
    from hemosweep.workflows.study_forecast import forecast_study

    return forecast_study(request)
