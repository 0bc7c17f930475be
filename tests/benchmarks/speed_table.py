"""Make the speed tables of `hemosweep docs speed` from the JSON files that the benchmarks left in `results/`.

    python tests/benchmarks/speed_table.py            # write them
    python tests/benchmarks/speed_table.py --check    # exit code 1 where the page says something else

A row is written here once, as words and a place in a file; no figure is typed.
"""

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hemosweep.bench.rows import BenchResult, BenchRow, number

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[2] / "hemosweep" / "docs" / "speed.md"
BEGIN, END = "<!-- speed: made by tests/benchmarks/speed_table.py -->\n", "<!-- speed: end -->\n"


def read(name: str) -> Any:
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def bench_rows(result: BenchResult) -> Iterator[tuple[str, str, str]]:
    """Name, figure, and goal with its verdict, of each row that was measured."""
    for row in result.rows:
        if row.value is not None:
            yield row.what, f"{number(row.value)} {row.unit}".strip(), goal_and_verdict(row)


def goal_and_verdict(row: BenchRow) -> str:
    if row.goal is None:
        return ""
    return f"{'at least' if row.at_least else 'at most'} {number(row.goal)}: {row.verdict}"


def other_rows() -> Iterator[tuple[str, str, str]]:
    """Rows of the benchmarks that are scripts of their own: what, figure, where."""
    engine, compare, preparation = (read(f"{name}_2_cores.json") for name in ("engine", "compare", "preprocessing"))
    two = "2 cores"
    yield (
        "the engine, all but training, of 9 fold runs of the demo sweep",
        f"{engine['demo']['overhead_percent']:.1f}% of {engine['demo']['loop_s']:.0f} s",
        two,
    )
    yield "the same of 1,000 fold runs that train nothing", f"{engine['stubs']['overhead_ms']:.0f} ms a fold run", two
    plan = engine["plan"]
    kept = ", ".join(f"{plan[name]['seconds']:.1f} s" for name in ("steps_kept", "preprocessed", "all_done"))
    yield "`plan` over 1,005 fold runs of 76 cases; preprocessed; all done", kept, two
    yield "the same where three networks are still to be timed", f"{plan['steps_to_time']['seconds']:.1f} s", two
    yield "`compare` of two runs among 200 arms", f"{compare['commands']['two runs']['s']} s", two
    yield (
        "one 512 x 512 x 40 case with its angiography prepared, three channels",
        f"{preparation['whole_s']:.1f} s, {preparation['peak_gb']} GB",
        two,
    )
    fold = read("fold_run_paper_h100.json")
    yield (
        f"before this version: an epoch of {fold['patches_per_epoch']:,} patches with its validation",
        f"{sorted(fold['epoch_s'])[len(fold['epoch_s']) // 2]:.1f} s",
        "one H100, bf16",
    )
    first, second = (read(f"ladder_h200_round{round}.json")["steps"] for round in (1, 2))
    for what, step in (
        ("training, full network, 32x32x16x2, in PyTorch's layers", first["bench"]),
        ("the same with normalisation over the view", second["bn eager"]),
        ("the same compiled, pooling by `amax`", first["compile"]),
        ("the same compiled, pooling of slices, first convolution as a product", second["c pool+inp"]),
    ):
        yield what, f"{number(step['patches_per_s'])} patches/s, {step['device_ms']:.1f} ms a step", "one H200, bf16"


def tables() -> str:
    """The tables in Markdown."""
    lines = []
    for path in sorted(RESULTS.glob("bench_*.json")):
        result = BenchResult.read(path)
        lines += ["", f"| {result.device}, {measured_with(result)} | figure | goal |", "|---|---|---|"]
        lines += [f"| {what} | {figure} | {goal} |" for what, figure, goal in bench_rows(result)]
        if result.profile:
            parts = ", ".join(f"{share:.0f}% `{name}`" for name, share in result.profile.items())
            where = f"Where the time of a training step goes there: {parts}."
            lines += ["", textwrap.fill(where, 120, break_on_hyphens=False)]
    lines += ["", "| what else | figure | where |", "|---|---|---|"]
    lines += [f"| {what} | {figure} | {where} |" for what, figure, where in other_rows()]
    return "\n".join([*lines[1:], ""])


def measured_with(result: BenchResult) -> str:
    busy = "" if not result.num_busy else f", {result.num_busy:.1f} processors busy with other programs before or after"
    monai = f", MONAI {result.versions['monai']}" if result.versions.get("monai") else ""
    return f"torch {result.versions['torch']}{monai}, {result.day}{busy}"


def with_tables(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    if check:
        return int(page != with_tables(page))
    PAGE.write_text(with_tables(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
