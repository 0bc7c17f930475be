from pathlib import Path

import grimp

import hemosweep
from hemosweep.identity.source import SOURCES

PACKAGE = Path(hemosweep.__file__).parent


def needed_by(module: str) -> set[str]:
    """The modules that it imports, at any time, and those that they import; a module's packages come with it."""
    graph = grimp.build_graph("hemosweep", cache_dir=None, exclude_type_checking_imports=True)
    needed: set[str] = set()
    found = {module}
    while found:
        needed |= found
        imported = {other for name in found for other in graph.find_modules_directly_imported_by(name)}
        found = (imported | {name.rpartition(".")[0] for name in found if "." in name}) - needed
    return needed


def test_every_module_that_samples_trains_or_scores_a_fold_run_is_in_its_digest() -> None:
    # A module that is left out could change a score while the fold run keeps its name.
    prefixes = tuple(f"hemosweep.{room}." for room in ("inference", "model", "sampling", "scores"))
    modules = {
        f"{name.removeprefix('hemosweep.').replace('.', '/')}.py"
        for name in needed_by("hemosweep.training.fold_run")
        if name.startswith(prefixes)
    }
    digested = {path.relative_to(PACKAGE).as_posix() for pattern in SOURCES for path in PACKAGE.glob(pattern)}
    assert {"scores/surface.py", "scores/lesions.py", "model/unet.py"} <= modules
    assert modules - digested == set()


def test_every_pattern_of_the_digest_names_a_module() -> None:
    assert [pattern for pattern in SOURCES if not list(PACKAGE.glob(pattern))] == []
