"""Renew the README's picture, and what it and the topics of the documentation print, from a demo sweep.

    make sweep-patchsize sweep-noise OUT=runs    # trains where it has not been trained
    make readme OUT=runs                         # prints and draws; trains nothing

A block between the marks `<!-- printed: NAME -->` and `<!-- printed: end -->` is what a command printed.
"""

import argparse
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from hemosweep.bench.cpu import processor_name
from hemosweep.environment import num_processors
from tests.benchmarks.readme_picture import draw

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / ".github" / "readme.png"
SWEEP = "patchsize"
COLUMNS = 120
HEMOSWEEP = Path(sys.executable).with_name("hemosweep")


def table(printed: str) -> str:
    """The tables and verdicts of a sweep, without the notes below."""
    return printed.partition("\nDSC on the scanner's grid")[0]


PRINTED: dict[str, tuple[str, tuple[str, ...], Callable[[str], str]]] = {
    "sweep": ("README.md", ("sweep", SWEEP), table),
    "compare": ("hemosweep/docs/statistics.md", ("compare", f"{SWEEP}/24x24x8", f"{SWEEP}/32x32x16"), str),
}
"""By the name in the marks: the file, the command, and the part of its output that is shown."""


def run(out: Path, *arguments: str) -> str:
    """Output of a command, in as many columns as the documents have."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), "COLUMNS": str(COLUMNS)}
    command = [str(HEMOSWEEP), *arguments, "--out", str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def wrapped(printed: str) -> str:
    """Lines of at most `COLUMNS` letters, as a terminal of that width shows them, but broken between words."""
    lines = []
    for line in printed.rstrip().splitlines():
        indent = re.match(r"  \S.*?  +(?=\S)", line)
        hanging = " " * (len(indent[0]) if indent else 4)
        lines += textwrap.wrap(line, COLUMNS, subsequent_indent=hanging, break_on_hyphens=False) or [""]
    return "\n".join(line.rstrip() for line in lines)


def block(arguments: tuple[str, ...], printed: str) -> str:
    told = f"`hemosweep {' '.join(arguments)}` prints, on {num_processors()} cores ({processor_name()}):"
    return f"{textwrap.fill(told, COLUMNS, break_on_hyphens=False)}\n\n```text\n{wrapped(printed)}\n```\n"


def with_block(text: str, name: str, renewed: str) -> str:
    """A document with another block between the marks of that name."""
    pattern = rf"(<!-- printed: {name} -->\n).*?(<!-- printed: end -->\n)"
    found = re.search(pattern, text, re.DOTALL)
    if found is None:
        sys.exit(f"error: no marks <!-- printed: {name} -->")
    return text[: found.start()] + found[1] + renewed + found[2] + text[found.end() :]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs"), help="Folder of results of the demo sweep.")
    out = parser.parse_args().out.resolve()
    plan = json.loads(run(out, "plan", SWEEP, "--json"))
    missing = sum(arm["num_missing"] for arm in plan["arms"])
    if missing:
        sys.exit(f"error: {out}: {missing} fold runs are missing; run make sweep-{SWEEP} OUT={out} first")
    printed = {name: part(run(out, *arguments)) for name, (_, arguments, part) in PRINTED.items()}
    for name, (path, arguments, _) in PRINTED.items():
        document = ROOT / path
        text = document.read_text(encoding="utf-8")
        document.write_text(with_block(text, name, block(arguments, printed[name])), encoding="utf-8")
    draw(out, SWEEP, printed["sweep"], PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
