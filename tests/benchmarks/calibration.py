"""The error rates of verdicts: two arms that differ in nothing, arms that differ, and arms at a margin; as JSON.

    python -m tests.benchmarks.calibration [--samples 4000] [--jobs 2] [--to FILE]

Scores are simulated as the paper's study has them: 76 cases in 5 folds. A score is the sum of a case's difficulty, what
an arm does to the case (sd 0.05), what a training does to one case (sd 0.05), what a training does to all cases of its
fold (sd f), and what a fold's training set does to an arm (sd g). Every claim is made by the product's own functions.

Printed are shares in percent. "false" are claims of "better" or "worse" where both arms are alike: in a family, the
families with one or more. A star compares six arms with one baseline, a chain each with the next. Beside each share
stands its Monte-Carlo standard error.
"""

import argparse
import json
import math
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hemosweep.scores.catalogue import DSC
from hemosweep.stats.claim import Claim, claim
from hemosweep.stats.looks import LOOKS, may_settle, over_looks
from hemosweep.stats.multiple_testing import holm
from hemosweep.stats.power import equivalence
from hemosweep.stats.repeats import repeated_claim
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL, MeanTest, mean_test
from hemosweep.stats.verdict import Findings, outcome_of

NUM_CASES, NUM_FOLDS, NUM_COMPARISONS = 76, 5, 6
RESOLUTION = 1e-9
FOLD_N = np.arange(NUM_CASES) % NUM_FOLDS
FOLDS = [str(fold) for fold in FOLD_N]
CLAIMS = {"better", "worse"}
NOISES = (0.0, 0.01, 0.02, 0.04, 0.06)
BATCH = 200


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A simulated study. `seeds_a` are those of the baseline of a star; every other arm has `seeds_b`. With several
    `repeats` each of them draws its own folds, and every arm has one seed in each.

    `f` and `g` are the standard deviations of training noise and of the training sets; `unstable` multiplies f in the
    arms other than the baseline. `difference` is that of B's true mean.
    """

    seeds_a: int = 1
    seeds_b: int = 1
    f: float = 0.0
    g: float = 0.0
    unstable: float = 1.0
    difference: float = 0.0
    case_sd: float = 0.05
    rest_sd: float = 0.05
    repeats: int = 1

    def arm(self, rng: np.random.Generator, *, baseline: bool) -> np.ndarray:
        """Scores of an arm, (seeds, cases), without the cases' difficulty, which no difference has."""
        num_seeds = self.seeds_a if baseline else self.seeds_b
        noise = self.f * (1.0 if baseline else self.unstable)
        training = rng.normal(0.0, noise, (num_seeds, NUM_FOLDS))[:, FOLD_N]
        training_set = rng.normal(0.0, self.g, NUM_FOLDS)[FOLD_N]
        case = rng.normal(0.0, self.case_sd, NUM_CASES)
        shift = 0.0 if baseline else self.difference
        return np.asarray(
            shift + case + training_set + training + rng.normal(0.0, self.rest_sd, (num_seeds, NUM_CASES))
        )


def compared(a_SN: np.ndarray, b_SN: np.ndarray) -> tuple[MeanTest, Claim]:
    """The paper's test and the claim, as `paired_comparison` makes them."""
    return mean_test(b_SN.mean(axis=0) - a_SN.mean(axis=0), RESOLUTION), claim(a_SN, b_SN, FOLDS, None, RESOLUTION)


def claims_a_difference(test: MeanTest, tested: Claim) -> bool:
    return outcome_of(Findings(status="ok", test=test, claim=tested, metric=DSC)) in CLAIMS


def one(scene: Scene, rng: np.random.Generator) -> dict[str, bool]:
    """One comparison: whether it claims a difference, the paper's test does, and the interval holds the truth."""
    test, tested = compared(scene.arm(rng, baseline=True), scene.arm(rng, baseline=False))
    low, high = tested.ci95 or (math.nan, math.nan)
    return {
        "claims": claims_a_difference(test, tested),
        "over cases": (test.p or 0.0) < SIGNIFICANCE_LEVEL,
        "covered": low <= scene.difference <= high,
    }


def at_margin(scene: Scene, rng: np.random.Generator) -> dict[str, bool]:
    """One comparison with a margin of the true difference: whether it claims equivalence."""
    test, tested = compared(scene.arm(rng, baseline=True), scene.arm(rng, baseline=False))
    found = (test.mean or 0.0, tested.standard_error or 0.0, tested.df or 0.0)
    return {"claims": equivalence(*found, scene.difference).shown}


def family(scene: Scene, rng: np.random.Generator, *, star: bool) -> dict[str, bool]:
    """A family of six comparisons: whether one or more claim a difference after Holm."""
    arms = [scene.arm(rng, baseline=place == 0) for place in range(NUM_COMPARISONS + 1)]
    pairs = [(0 if star else place, place + 1) for place in range(NUM_COMPARISONS)]
    results = [compared(arms[a], arms[b]) for a, b in pairs]
    holm_p = holm([tested.p for _, tested in results], NUM_COMPARISONS)
    return {
        "claims": any(
            p is not None and p < SIGNIFICANCE_LEVEL and claims_a_difference(test, tested)
            for p, (test, tested) in zip(holm_p, results, strict=True)
        )
    }


def star(scene: Scene, rng: np.random.Generator) -> dict[str, bool]:
    return family(scene, rng, star=True)


def chain(scene: Scene, rng: np.random.Generator) -> dict[str, bool]:
    return family(scene, rng, star=False)


def by_looks(scene: Scene, rng: np.random.Generator, *, num_comparisons: int) -> dict[str, bool]:
    """A star of comparisons to whose arms `sweep --seeds auto` adds seeds: whether one or more claim a difference."""
    arms = [scene.arm(rng, baseline=place == 0) for place in range(num_comparisons + 1)]
    still_open = list(range(1, num_comparisons + 1))
    results: dict[int, tuple[MeanTest, Claim]] = {}
    settled: set[int] = set()
    for num_seeds in LOOKS:

        def at(number: int, b_SN: np.ndarray) -> tuple[MeanTest, Claim]:
            return compared(arms[0][:number], b_SN[:number])

        for place in still_open:
            b_SN = arms[place]
            test, tested = at(num_seeds, b_SN)
            results[place] = test, over_looks(tested, None, lambda n, b_SN=b_SN: (at(n, b_SN)[1], None))[0]
        places = sorted(results)
        holm_p = holm([results[place][1].p for place in places], num_comparisons)
        settled |= {
            place
            for place, p in zip(places, holm_p, strict=True)
            if p is not None and p < SIGNIFICANCE_LEVEL and claims_a_difference(*results[place])
        }
        still_open = [
            place
            for place in still_open
            if place not in settled
            and may_settle(results[place][1], results[place][0].mean or 0.0, num_cases=NUM_CASES)
        ]
    return {"claims": bool(settled)}


def one_by_looks(scene: Scene, rng: np.random.Generator) -> dict[str, bool]:
    return by_looks(scene, rng, num_comparisons=1)


def star_by_looks(scene: Scene, rng: np.random.Generator) -> dict[str, bool]:
    return by_looks(scene, rng, num_comparisons=NUM_COMPARISONS)


def repeated(scene: Scene, rng: np.random.Generator) -> dict[str, bool]:
    """One comparison of a repeated cross-validation, as `one`."""
    fold_RN = np.stack([rng.permutation(FOLD_N) for _ in range(scene.repeats)])

    def arm(difference: float) -> np.ndarray:
        shape = (scene.repeats, NUM_FOLDS)
        cell = rng.normal(0.0, scene.f, shape) + rng.normal(0.0, scene.g, shape)
        rest = rng.normal(0.0, scene.rest_sd, (scene.repeats, NUM_CASES))
        case = rng.normal(0.0, scene.case_sd, NUM_CASES)
        return np.asarray(difference + case + np.take_along_axis(cell, fold_RN, axis=1) + rest)

    diff_RN = arm(scene.difference) - arm(0.0)
    test = mean_test(diff_RN.mean(axis=0), RESOLUTION)
    tested = repeated_claim(diff_RN, fold_RN, num_seeds=(1, 1), units=None, resolution=RESOLUTION)
    low, high = tested.ci95 or (math.nan, math.nan)
    return {
        "claims": claims_a_difference(test, tested),
        "over cases": (test.p or 0.0) < SIGNIFICANCE_LEVEL,
        "covered": low <= scene.difference <= high,
    }


Sample = Callable[[Scene, np.random.Generator], dict[str, bool]]
SINGLE = Scene()
BASELINE_SEEDS = Scene(seeds_a=3)
BOTH_SEEDS = Scene(seeds_a=3, seeds_b=3)
REPEATS = Scene(repeats=3)
MOST_SEEDS = Scene(seeds_a=max(LOOKS), seeds_b=max(LOOKS))
DESIGNS = {"no replicates": SINGLE, "three baseline seeds": BASELINE_SEEDS, "3 + 3 seeds": BOTH_SEEDS}


def cells() -> list[tuple[str, str, Sample, Scene, str, float | None]]:
    """Table, row, sample, scene, the share that is wanted, and its bound in percent (a least one for power)."""
    table: list[tuple[str, str, Sample, Scene, str, float | None]] = []
    for name, scene in DESIGNS.items():
        for f in NOISES:
            noisy = replace(scene, f=f)
            table.append((f"false, {name}", f"f = {f:g}", one, noisy, "claims", 6.0))
            table.append((f"false, family of six as a star, {name}", f"f = {f:g}", star, noisy, "claims", 6.0))
            if scene.seeds_a == scene.seeds_b:
                table.append((f"false, family of six as a chain, {name}", f"f = {f:g}", chain, noisy, "claims", 6.0))
        table.append(
            (f"coverage of the 95% interval, {name}", "f = 0.02", one, replace(scene, f=0.02), "covered", None)
        )
        for g in (0.02, 0.04):
            row = f"f = 0.02, g = {g:g}"
            table.append((f"false, training sets, {name}", row, one, replace(scene, f=0.02, g=g), "claims", None))
        unstable = replace(scene, f=0.02, unstable=2.0)
        table.append((f"false, B twice as unstable, {name}", "f = 0.02", one, unstable, "claims", 6.0))
        at = replace(scene, f=0.02, difference=0.03)
        table.append((f"equivalence at the margin, {name}", "f = 0.02", at_margin, at, "claims", 6.0))
        for difference, least in ((0.02, 30.0), (0.05, 90.0)):
            true = replace(scene, f=0.02, difference=difference)
            bound = least if scene is BOTH_SEEDS else None
            table.append((f"power, {name}", f"f = 0.02, +{difference:g}", one, true, "claims", bound))
    for f in NOISES:
        noisy = replace(MOST_SEEDS, f=f)
        table.append(("false, seeds by looks", f"f = {f:g}", one_by_looks, noisy, "claims", 6.0))
        table.append(
            ("false, family of six as a star, seeds by looks", f"f = {f:g}", star_by_looks, noisy, "claims", 6.0)
        )
    for difference in (0.02, 0.05):
        scene = replace(MOST_SEEDS, f=0.02, difference=difference)
        table.append(("power, seeds by looks", f"f = 0.02, +{difference:g}", one_by_looks, scene, "claims", None))
    for f in NOISES:
        table.append(("false, three repeats", f"f = {f:g}", repeated, replace(REPEATS, f=f), "claims", 6.0))
    for g in (0.02, 0.04):
        scene = replace(REPEATS, f=0.02, g=g)
        table.append(("false, training sets, three repeats", f"f = 0.02, g = {g:g}", repeated, scene, "claims", 6.0))
    for difference in (0.02, 0.05):
        scene = replace(REPEATS, f=0.02, difference=difference)
        table.append(("power, three repeats", f"f = 0.02, +{difference:g}", repeated, scene, "claims", None))
    covered = replace(REPEATS, f=0.02, g=0.02)
    table.append(
        ("coverage of the 95% interval, three repeats", "f = 0.02, g = 0.02", repeated, covered, "covered", None)
    )
    table += [
        ("false, the paper's test alone, no replicates", f"f = {f:g}", one, replace(SINGLE, f=f), "over cases", None)
        for f in NOISES
    ]
    return table


def share(sample: Sample, scene: Scene, wanted: str, num_samples: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    return sum(sample(scene, rng)[wanted] for _ in range(num_samples)) / num_samples


def _share(arguments: tuple[Sample, Scene, str, int, int]) -> float:
    return share(*arguments)


def measure(num_samples: int, jobs: int, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """The rows, printed as they are ready."""
    rows = []
    table = cells()
    with ProcessPoolExecutor(jobs) as pool:
        work = [
            (sample, scene, wanted, num_samples, seed) for seed, (_, _, sample, scene, wanted, _) in enumerate(table)
        ]
        for (name, row, _, scene, _, bound), value in zip(table, pool.map(_share, work), strict=True):
            error = math.sqrt(value * (1 - value) / num_samples)
            least = name.startswith("power")
            holds = bound is None or (100 * value >= bound if least else 100 * value <= bound)
            limit = "" if bound is None else f"  {'at least' if least else 'at most'} {bound:g}"
            tell(f"{name:<58} {row:<20} {100 * value:5.1f} ±{100 * error:.1f}{limit}{'' if holds else '  MISSED'}")
            rows.append(
                {"table": name, "row": row, "percent": 100 * value, "standard_error": 100 * error, "bound": bound}
                | {"holds": holds, "scene": asdict(scene)}
            )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4000, help="simulated studies a row")
    parser.add_argument("--jobs", type=int, default=2, help="rows worked on at once")
    parser.add_argument("--to", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    rows = measure(options.samples, options.jobs, lambda text: print(text, flush=True))
    missed = [row for row in rows if not row["holds"]]
    print(f"{len(rows)} rows of {options.samples} samples, {len(missed)} missed their bound")
    if options.to is not None:
        facts = {"python": platform.python_version(), "numpy": np.__version__, "samples": options.samples}
        options.to.write_text(json.dumps(facts | {"rows": rows}, indent=1) + "\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
