import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from hemosweep.stats import royston
from hemosweep.stats.royston import shapiro_wilk_p

DRAWS = {
    "normal": lambda rng, n: rng.normal(0.01, 0.05, n),
    "exponential": lambda rng, n: rng.exponential(0.05, n),
    "tied": lambda rng, n: np.arange(n) % 2 + np.round(rng.normal(0, 0.5, n), 1),
    "close together": lambda rng, n: 0.5 + rng.normal(0, 1e-8, n),
}


@pytest.mark.parametrize("n", [3, 4, 5, 6, 11, 12, 20, 75, 1000, 5000])
@pytest.mark.parametrize("draw", DRAWS)
def test_p_is_scipys_bit_for_bit(n, draw):
    sorted_N = np.sort(DRAWS[draw](np.random.default_rng(n), n))
    assert shapiro_wilk_p(sorted_N) == stats.shapiro(sorted_N).pvalue


def test_one_value_that_differs_among_many_has_a_p_above_zero():
    sorted_N = np.append(np.zeros(4999), 1.0)
    assert shapiro_wilk_p(sorted_N) == stats.shapiro(sorted_N).pvalue


def no_routine():
    raise ImportError


@pytest.mark.parametrize("compiled", [no_routine, lambda: royston, lambda: stats], ids=["gone", "renamed", "elsewhere"])
def test_without_the_compiled_routine_scipy_stats_is_asked(monkeypatch, compiled):
    sorted_N = np.array([0.1, 0.2, 0.4, 0.9])
    expected = shapiro_wilk_p(sorted_N)
    monkeypatch.setattr(royston, "_compiled", compiled)
    assert shapiro_wilk_p(sorted_N) == expected


def test_a_release_of_scipy_without_the_file_is_told_by_an_import_error(monkeypatch):
    monkeypatch.setattr(royston, "_NAME", "scipy.stats._no_such_statistics")
    with pytest.raises(ImportError, match=r"has no scipy\.stats\._no_such_statistics"):
        royston._compiled()


def test_the_routine_alone_is_loaded_and_scipy_stats_can_be_imported_after_it():
    code = """
import sys
import numpy as np
from hemosweep.stats.royston import shapiro_wilk_p
sorted_N = np.array([0.1, 0.2, 0.4, 0.9])
before = shapiro_wilk_p(sorted_N)
print("scipy.stats" in sys.modules)
from scipy import stats
print(stats.shapiro(sorted_N).pvalue == before == shapiro_wilk_p(sorted_N), stats.ansari([1, 2, 4], [3, 5]).pvalue > 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\nTrue True\n", "")
