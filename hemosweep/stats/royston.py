"""Shapiro and Wilk's W and its p (Royston 1995, algorithm AS R94), as `scipy.stats.shapiro` computes them.

scipy's compiled routine is loaded without `scipy.stats` around it, whose import takes longer than the rest of a
comparison. Where a release of scipy has the routine no longer, or in another form, `scipy.stats.shapiro` is called.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import scipy

from hemosweep.stats.pairing import Floats

_NAME = "scipy.stats._ansari_swilk_statistics"


def shapiro_wilk_p(sorted_N: Floats) -> float:
    """p of the test that three or more values, sorted and not all the same, are normal."""
    try:
        centred_N = sorted_N - sorted_N[sorted_N.size // 2]
        _, p, _ = _compiled().swilk(centred_N, np.zeros(sorted_N.size // 2), 0)
    except (ImportError, AttributeError, TypeError, ValueError):
        from scipy import stats

        return float(stats.shapiro(sorted_N).pvalue)
    return float(p)


def _compiled() -> ModuleType:
    if _NAME in sys.modules:
        return sys.modules[_NAME]
    spec = PathFinder.find_spec(_NAME, [str(Path(scipy.__file__).parent / "stats")])
    if spec is None or spec.loader is None:
        raise ImportError(f"scipy {scipy.__version__} has no {_NAME}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    # So that scipy.stats finds it there, should it be imported later.
    sys.modules[_NAME] = module
    return module
