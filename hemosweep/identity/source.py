"""The source code between a preprocessed case and its score."""

from pathlib import Path

from hemosweep.digest import digest_files

SOURCES = (
    "config.py",
    "inference/sliding_window.py",
    "model/*.py",
    "preprocessing/grid.py",
    "preprocessing/record.py",
    "sampling/*.py",
    "scores/lesions.py",
    "scores/marching_cubes.py",
    "scores/metric.py",
    "scores/overlap.py",
    "scores/score_case.py",
    "scores/surface.py",
    "scores/table.py",
    "training/compiled.py",
    "training/fold_run.py",
    "training/loop.py",
    "training/step.py",
)
"""The modules between a preprocessed case and its score. What makes the preprocessed case is in its content digest."""


def source_digest() -> str:
    """Digest of the source modules that can change a fold run's result."""
    package = Path(__file__).parents[1]
    return digest_files([path for pattern in SOURCES for path in package.glob(pattern)], package)
