"""`hemosweep power SWEEP`: what a sweep's comparisons can show, from the variance of the runs at hand."""

from dataclasses import replace
from pathlib import Path

from hemosweep.comparison.family import compare_family
from hemosweep.comparison.power import SHOWN_SEEDS, PowerForecast, forecast_power
from hemosweep.files import system_message
from hemosweep.report.plots.power import draw_power
from hemosweep.scores.catalogue import DSC
from hemosweep.stats.power import PowerRow, detectable_difference
from hemosweep.tracking.reader import MlflowStore
from hemosweep.workflows.declared import find_declared


def power(
    out: str | Path,
    sweep: str,
    *,
    metric: str | None = None,
    difference: float | None = None,
    num_cases: int | None = None,
    num_folds: int | None = None,
) -> PowerForecast:
    """Power of a sweep's comparisons by the number of seeds, with a picture.

    Args:
        metric: by default the declared primary one.

    Raises:
        BadInput: an unknown sweep, or none that is trained; as `hemosweep.comparison.power.forecast_power`.
    """
    out = Path(out)
    declared = find_declared(out, sweep)
    family = compare_family(
        MlflowStore(out), declared.name, declared.comparisons, metric=metric or declared.primary_metric, keep_going=True
    )
    forecast = forecast_power(family, difference=difference, num_cases=num_cases, num_folds=num_folds)
    try:
        return replace(forecast, figure=_draw(forecast, out / "figures" / declared.name))
    except OSError as error:  # such as a folder without permission: a failed picture never stops the result
        return replace(forecast, no_figure=system_message(error))


def _draw(forecast: PowerForecast, folder: Path) -> Path:
    is_dsc = forecast.metric.name == DSC.name
    path = folder / ("power.png" if is_dsc else f"power-{forecast.metric.name}.png")

    def rows(num_cases: int) -> list[PowerRow]:
        return [
            PowerRow(
                num_seeds=number,
                difference=detectable_difference(
                    forecast.components, num_cases=num_cases, num_folds=forecast.num_folds, num_seeds=number
                ),
            )
            for number in SHOWN_SEEDS
        ]

    sizes = [forecast.num_cases, 2 * forecast.num_cases, 4 * forecast.num_cases]
    draw_power(
        [(f"{size} cases", rows(size)) for size in sizes],
        [(needed.name, needed.difference) for needed in forecast.needed],
        path,
        metric=forecast.metric,
        title=f"{forecast.sweep}: what {forecast.num_folds} folds can show",
    )
    return path
