import subprocess
import sys
from pathlib import Path

import hemosweep
from hemosweep.identity.source import SOURCES

PACKAGE = Path(hemosweep.__file__).parent


def test_every_module_that_samples_trains_or_scores_a_fold_run_is_in_its_digest() -> None:
    # A module that is left out could change a score while the fold run keeps its name.
    code = "import sys, hemosweep.training.fold_run; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    prefixes = tuple(f"hemosweep.{room}." for room in ("inference", "model", "sampling", "scores"))
    modules = {
        f"{name.removeprefix('hemosweep.').replace('.', '/')}.py" for name in loaded if name.startswith(prefixes)
    }
    digested = {path.relative_to(PACKAGE).as_posix() for pattern in SOURCES for path in PACKAGE.glob(pattern)}
    assert {"scores/surface.py", "scores/lesions.py", "model/unet.py"} <= modules
    assert modules - digested == set()


def test_every_pattern_of_the_digest_names_a_module() -> None:
    assert [pattern for pattern in SOURCES if not list(PACKAGE.glob(pattern))] == []
