"""`hemosweep data check`: every problem of a data set in one report."""

from hemosweep.data.checks.dataset import check_dataset
from hemosweep.data.checks.problem import CheckReport, Problem

__all__ = ["CheckReport", "Problem", "check_dataset"]
