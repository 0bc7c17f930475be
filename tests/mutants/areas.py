"""The modules that are mutated, and the tests that must notice: a room's tests mirror its modules."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """Modules and the files of their fast tests, as patterns below the root of the checkout."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


HERE = "tests/hemosweep"
AREAS = (
    Area(name="stats", modules=("hemosweep/stats/*.py",), tests=(f"{HERE}/stats/test_*.py",)),
    Area(name="scores", modules=("hemosweep/scores/*.py",), tests=(f"{HERE}/scores/test_*.py",)),
    Area(name="sampling", modules=("hemosweep/sampling/*.py",), tests=(f"{HERE}/sampling/test_*.py",)),
    Area(name="losses", modules=("hemosweep/model/losses/*.py",), tests=(f"{HERE}/model/test_losses*.py",)),
    Area(name="folds", modules=("hemosweep/data/folds.py",), tests=(f"{HERE}/data/test_folds.py",)),
    Area(name="identity", modules=("hemosweep/identity/*.py",), tests=(f"{HERE}/identity/test_*.py",)),
    Area(name="comparability", modules=("hemosweep/comparison/*.py",), tests=(f"{HERE}/comparison/test_*.py",)),
    Area(
        name="resume",
        modules=(
            *("hemosweep/training/loop.py", "hemosweep/model/checkpoint.py"),
            *("hemosweep/foldrun/journal.py", "hemosweep/foldrun/scores.py", "hemosweep/foldrun/seal.py"),
        ),
        tests=(
            f"{HERE}/training/test_loop.py",
            f"{HERE}/training/test_accumulation.py",
            f"{HERE}/model/test_checkpoint.py",
            f"{HERE}/foldrun/test_journal.py",
            f"{HERE}/foldrun/test_scores.py",
            f"{HERE}/foldrun/test_seal.py",
        ),
    ),
)


def files(root: Path, patterns: Sequence[str]) -> list[str]:
    """The files of patterns, as paths below the root.

    Raises:
        FileNotFoundError: a pattern has no file: the table above is older than the checkout.
    """
    found: list[str] = []
    for pattern in patterns:
        paths = sorted(str(path.relative_to(root)) for path in root.glob(pattern))
        if not paths:
            raise FileNotFoundError(f"{root / pattern}: no such file; put tests/mutants/areas.py right")
        found += [path for path in paths if path not in found]
    return found
