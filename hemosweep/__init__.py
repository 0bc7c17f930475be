"""The ablation-study harness of hemorrhagic-stroke segmentation on head CT.

Everything that the command line does can be done from here, with the same words. A name is imported when it is first
asked for, so that `import hemosweep` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hemosweep.ablation.sweep import Sweep as Sweep
    from hemosweep.comparison.compare import SideComparison as SideComparison
    from hemosweep.comparison.compare import compare as compare
    from hemosweep.comparison.family import Family as Family
    from hemosweep.comparison.tables import compare_arrays as compare_arrays
    from hemosweep.comparison.tables import compare_tables as compare_tables
    from hemosweep.errors import BadInput as BadInput
    from hemosweep.errors import HemosweepError as HemosweepError
    from hemosweep.errors import NotComparable as NotComparable
    from hemosweep.output_folder import case_table as case_table
    from hemosweep.output_folder import open_store as open_store
    from hemosweep.prediction.predict import PredictionResult as PredictionResult
    from hemosweep.runs import FoldRecord as FoldRecord
    from hemosweep.runs import RunRecord as RunRecord
    from hemosweep.runs import RunsInMemory as RunsInMemory
    from hemosweep.runs import RunStore as RunStore
    from hemosweep.stats.paired import PairedComparison as PairedComparison
    from hemosweep.workflows.compare_all import compare_all as compare_all
    from hemosweep.workflows.export import ExportResult as ExportResult
    from hemosweep.workflows.export import export_mist as export_mist
    from hemosweep.workflows.export import export_nnunet as export_nnunet
    from hemosweep.workflows.forecast import Forecast as Forecast
    from hemosweep.workflows.import_results import import_results as import_results
    from hemosweep.workflows.imported_arm import ImportedArm as ImportedArm
    from hemosweep.workflows.options import SweepOptions as SweepOptions
    from hemosweep.workflows.plan import plan_sweep as plan_sweep
    from hemosweep.workflows.predict import predict_scans as predict_scans
    from hemosweep.workflows.promote import Promotion as Promotion
    from hemosweep.workflows.promote import promote as promote
    from hemosweep.workflows.report import ReportResult as ReportResult
    from hemosweep.workflows.report import make_report as make_report
    from hemosweep.workflows.score import ScoringResult as ScoringResult
    from hemosweep.workflows.score import score_runs as score_runs
    from hemosweep.workflows.sweep import run_sweep as run_sweep
    from hemosweep.workflows.sweeping.result import StudyResult as StudyResult
    from hemosweep.workflows.sweeping.search import SearchResult as SearchResult

__version__ = "0.1.0"

_PLACES = {
    "ablation.sweep": ("Sweep",),
    "comparison.compare": ("SideComparison", "compare"),
    "comparison.family": ("Family",),
    "comparison.tables": ("compare_arrays", "compare_tables"),
    "errors": ("BadInput", "HemosweepError", "NotComparable"),
    "output_folder": ("case_table", "open_store"),
    "prediction.predict": ("PredictionResult",),
    "runs": ("FoldRecord", "RunRecord", "RunStore", "RunsInMemory"),
    "stats.paired": ("PairedComparison",),
    "workflows.compare_all": ("compare_all",),
    "workflows.options": ("SweepOptions",),
    "workflows.export": ("ExportResult", "export_mist", "export_nnunet"),
    "workflows.forecast": ("Forecast",),
    "workflows.import_results": ("import_results",),
    "workflows.imported_arm": ("ImportedArm",),
    "workflows.plan": ("plan_sweep",),
    "workflows.predict": ("predict_scans",),
    "workflows.promote": ("Promotion", "promote"),
    "workflows.report": ("ReportResult", "make_report"),
    "workflows.score": ("ScoringResult", "score_runs"),
    "workflows.sweep": ("run_sweep",),
    "workflows.sweeping.result": ("StudyResult",),
    "workflows.sweeping.search": ("SearchResult",),
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
