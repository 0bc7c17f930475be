"""The tests of an area in a fork of this process, which has imported torch once for all of them."""

import ast
import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

PRELOADED = (
    *("pytest", "hypothesis.strategies", "hypothesis.extra.numpy", "numpy", "pandas", "scipy.ndimage", "scipy.stats"),
    *("torch.nn", "monai.losses", "mlflow", "alembic.script", "sqlalchemy.orm"),
)
MAX_BYTES = 32 * 2**30
"""Address space of a fork: a mutant may ask for more memory than there is."""


class Tests:
    """A pytest plugin that runs chosen tests, the quickest first, and remembers what each of them entered."""

    def __init__(self, root: Path, chosen: Callable[[str], float | None], *, traced: Sequence[str] = ()) -> None:
        self.root = root
        self.chosen = chosen
        self.traced = {str(root / module): module for module in traced}
        self.seconds: dict[str, float] = {}
        self.entered: dict[str, list[list[str]]] = {}
        """Module and function by test; by "" what was entered while tests were collected."""
        self.failed = ""
        self._now: set[tuple[str, str]] = set()
        self._begun_s = 0.0

    def pytest_sessionstart(self) -> None:
        self._begin()

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        self._end("")
        order = {item: self.chosen(item.nodeid) for item in items}
        items[:] = sorted((item for item in items if order[item] is not None), key=lambda item: order[item] or 0.0)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._begun_s = _at_work_s()
        self._begin()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._end(nodeid)
        self.seconds[nodeid] = _at_work_s() - self._begun_s

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def _begin(self) -> None:
        if self.traced:
            self._now = set()
            sys.settrace(self._trace)

    def _end(self, nodeid: str) -> None:
        if self.traced:
            sys.settrace(None)
            self.entered[nodeid] = sorted(list(pair) for pair in self._now)

    def _trace(self, frame: FrameType, event: str, argument: object) -> None:
        module = self.traced.get(frame.f_code.co_filename)
        if module is not None:
            self._now.add((module, frame.f_code.co_qualname))


def _at_work_s() -> float:
    """Seconds of a processor that this process and what it waited for have taken: other programs do not count."""
    return sum(os.times()[:4])


class MutantFinder(MetaPathFinder):
    """Imports one module from a changed tree instead of its file."""

    def __init__(self, root: Path, module: str, tree: ast.Module) -> None:
        self.name = module.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
        self.path = str(root / module)
        self.tree = tree

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        finder = self

        class Loader(SourceFileLoader):
            def get_code(self, fullname: str) -> CodeType:
                return compile(finder.tree, finder.path, "exec")

        return spec_from_file_location(fullname, self.path, loader=Loader(fullname, self.path))


def start(
    root: Path, cache: Path, tests: Tests, files: Sequence[str], answer: Path, finder: MetaPathFinder | None
) -> int:
    """Run tests in a fork of this process, which writes what came of it to `answer`, and return its process id."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()  # so that what a test starts ends with it
        os.chdir(root)
        resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
        quiet = os.open(answer.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        if finder is not None:
            sys.meta_path.insert(0, finder)
        answer.write_text(json.dumps(_run(cache, tests, files, first_failure=finder is not None)))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _run(cache: Path, tests: Tests, files: Sequence[str], *, first_failure: bool) -> dict[str, Any]:
    import pytest
    from hypothesis import Phase, settings

    settings.register_profile(
        "mutants", deadline=None, derandomize=True, database=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
    )
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-o",
        "timeout=0",
        "--tb=line",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]
    options += ["-m", "not slow and not browser and not gpu and not realdata", "--hypothesis-profile=mutants"]
    options += [
        f"--rootdir={tests.root}",
        f"--basetemp={cache / f'tmp-{os.getpid()}'}",
        *(["-x"] if first_failure else []),
    ]
    status = pytest.main([*options, *files], plugins=[tests])
    return {"status": int(status), "failed": tests.failed, "seconds": tests.seconds, "entered": tests.entered}


def preload(names: Sequence[str], cache: Path) -> None:
    """Import what the tests need of other projects, once for all forks."""
    if sys.dont_write_bytecode:  # Each fork would compile hemosweep and the tests anew.
        sys.dont_write_bytecode, sys.pycache_prefix = False, str(cache / "bytecode")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(cache / "bytecode")
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in names:
        __import__(name)
    # A collection that goes through all that would take a fork seconds, and copy its memory.
    gc.collect()
    gc.freeze()
    gc.unfreeze = lambda: None  # type: ignore[assignment]


def wait(child: int, deadline: float) -> bool | None:
    """True if a fork has ended, None while it runs; False once its time is over: it is killed with all it started."""
    if os.waitpid(child, os.WNOHANG)[0]:
        return True
    if time.monotonic() < deadline:
        return None
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False
