"""`hemosweep data check`: every problem of a data set in one report."""

from hemosweep.qc.dataset import check_dataset
from hemosweep.qc.problem import CheckReport, Problem

__all__ = ["CheckReport", "Problem", "check_dataset"]
