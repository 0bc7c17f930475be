"""`python -m hemosweep.bench gpu`: the GPU's part of the benchmark on a machine with PyTorch, numpy and scipy."""

import argparse
import sys
from pathlib import Path

from hemosweep.bench.gpu import run
from hemosweep.bench.rows import as_lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hemosweep.bench", description=__doc__)
    parser.add_argument("part", choices=["gpu"])
    parser.add_argument("--quick", action="store_true", help="leave out what takes long")
    parser.add_argument("--to", type=Path, help="write the result to this JSON file")
    options = parser.parse_args()
    result = run(quick=options.quick, keep=lambda so_far: so_far.write(options.to) if options.to else None)
    print("\n".join(as_lines(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
