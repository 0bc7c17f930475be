"""`python -m tests.faults`: the sweep at every point, or at every k-th one."""

import argparse
import gc
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import shim


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="number of faults at each point, one after the other")
    parser.add_argument("--pages", type=int, default=1, help="of the pages that SQLite writes, every k-th one")
    parser.add_argument("--every", type=int, default=1, help="of all that, every k-th one")
    parser.add_argument("--faults", default="", help="names of faults, with commas between them; all by default")
    parser.add_argument("--at", default="", help="the point of this name, or all with this text in their names")
    parser.add_argument("--store", type=Path, help="an empty MLflow store to copy, in place of a new one")
    parser.add_argument("--local", action="store_true", help="train with the product's executor and network")
    parser.add_argument("--without-store", action="store_true", help="let the sweep make the MLflow store, too")
    parser.add_argument("--list", action="store_true", help="list the points, and run nothing at them")
    parser.add_argument("--in", dest="base", type=Path, help="an empty folder to work in")
    options = parser.parse_args()
    if shim.MEMORY not in os.environ:
        return _with_shim()
    base = options.base or _folder()
    from tests.faults.runner import FAULTS, Runner, choose, run_all

    begun = time.monotonic()
    print(f"working in {base}", flush=True)
    runner = Runner(base, Path(os.environ[shim.MEMORY]), local=options.local, with_store=not options.without_store)
    runner.warm_up(options.store)
    runner.record()
    names = options.faults.split(",") if options.faults else list(FAULTS)
    points = [point for point in runner.points if str(point) == options.at]
    points = points or [point for point in runner.points if options.at in str(point)]
    pairs = choose(points, names, rounds=options.rounds, pages=options.pages, every=options.every)
    print(f"{len(runner.points)} points, {len(pairs)} faults at them; ready after {time.monotonic() - begun:.0f} s")
    if options.list:
        print("\n".join(map(str, runner.points)))
        return 0
    num_reached, failures = run_all(runner, pairs, lambda text: print(text, flush=True))
    print(
        f"{len(pairs)} faults at {len({point for point, _ in pairs})} of {len(runner.points)} points: {num_reached} "
        f"reached, {len(failures)} with a loss, {time.monotonic() - begun:.0f} s"
    )
    gc.unfreeze()  # Libraries that look for leaks as the process ends would take what is frozen for some.
    shutil.rmtree(Path(os.environ[shim.MEMORY]).parent)
    if not failures:
        shutil.rmtree(base)
    return 1 if failures else 0


def _folder() -> Path:
    """A new folder, in memory where there is such a place: nothing waits for a disk."""
    place = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="faults-", dir=place if os.access(place, os.W_OK) else None))


def _with_shim() -> int:
    """This command again, in a process that was started with the shim."""
    if shim.compiler() is None:
        print("needs Linux and a C compiler (cc)", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="faults-shim-"))
    environment = shim.environment(shim.build(folder), folder / "memory")
    command = [sys.executable, "-m", "tests.faults", *sys.argv[1:]]
    os.execve(sys.executable, command, {**os.environ, **environment, "OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "5000"})


if __name__ == "__main__":
    sys.exit(main())
