"""The tables of a sweep's statistics in a report: tests, claims, ranks, and the spread of seeds."""

from collections.abc import Callable, Sequence

from hemosweep.report.document.addresses import pair_addresses
from hemosweep.report.document.cells import interval, number, our_difference
from hemosweep.report.document.document import Column, Table
from hemosweep.report.document.facts import PairFacts, SweepFacts
from hemosweep.report.paper.verdicts import p_value
from hemosweep.report.terminal.ranks import RANKS_NOTE
from hemosweep.report.terminal.table import ARROW, MINUS, UNDEFINED
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.multiple_testing import FamilyComparison
from hemosweep.stats.replicates import SeedSpread
from hemosweep.stats.verdict import counted, looks_text


def test_table(sweep: SweepFacts) -> Table:
    """The paper's test over cases, with its stars."""

    def cells(row: FamilyComparison) -> tuple[str, ...]:
        comparison = row.comparison
        return (
            str(comparison.n),
            our_difference(row),
            number(comparison.t, ".2f"),
            number(comparison.df, "d"),
            p_value(comparison.p),
            comparison.stars or UNDEFINED,
            number(comparison.dz, ".2f"),
            p_value(comparison.wilcoxon_p),
        )

    return _by_pair(
        sweep,
        f"{sweep.name}: the paper's dependent t-test over paired cases, which takes the trained networks as "
        "given. Its stars are not adjusted: * < 0.05, ** < 0.01, *** < 0.005, **** < 0.001 (in the paper's own Tables "
        "3 and 4, * is p < 0.01 and ** p < 0.001).",
        [
            Column(name="n"),
            Column(name=f"B {MINUS} A [95% CI]"),
            *(Column(name=name) for name in ("t", "df", "p", "stars", "dz", "Wilcoxon p")),
        ],
        cells,
    )


def claim_table(sweep: SweepFacts) -> Table:
    """The claims, which count seeds and folds too, as a family."""
    num_declared = len(sweep.pairs)

    def cells(row: FamilyComparison) -> tuple[str, ...]:
        claim = row.comparison.claim
        return (
            UNDEFINED if claim.basis is None else f"{counted(claim).removeprefix('counting ')}{looks_text(claim)}",
            interval(claim.ci95, row.comparison.metric),
            number(claim.df, ".1f"),
            p_value(claim.p),
            p_value(row.holm_p),
            p_value(row.bh_p),
        )

    return _by_pair(
        sweep,
        f"{sweep.name}: the claims that training again would show the differences, too. Holm's and Benjamini "
        f"and Hochberg's p-values are over the {num_declared} declared comparison{'s' * (num_declared != 1)}; a dash "
        "says that trainings cannot be counted, for want of folds or seeds.",
        [
            Column(name="counted", align="left"),
            *(Column(name=name) for name in ("95% CI", "df", "p")),
            *(Column(name=name, group="p in the family") for name in ("Holm", "B-H")),
        ],
        cells,
    )


def _by_pair(
    sweep: SweepFacts, caption: str, columns: Sequence[Column], cells: Callable[[FamilyComparison], tuple[str, ...]]
) -> Table:
    """A row for each declared pair; of one that is not compared the first cell has the reason, the others a dash."""
    return Table(
        caption=caption,
        columns=(Column(name=f"A {ARROW} B", align="left"), *columns),
        rows=tuple(
            (
                f"{pair.a} {ARROW} {pair.b}",
                *((pair.verdict, *(UNDEFINED,) * (len(columns) - 1)) if pair.row is None else cells(pair.row)),
            )
            for pair in sweep.pairs
        ),
        addresses=pair_addresses([(sweep, pair) for pair in sweep.pairs]),
    )


def rank_table(sweep: SweepFacts) -> Table | None:
    """Rank of each arm by its mean score, and how firm it is; None for under three arms."""
    if not sweep.ranks:
        return None
    return Table(
        caption=f"{sweep.name}: ranks of the arms by mean {sweep.metric.label}. {RANKS_NOTE}",
        columns=(
            Column(name="Arm", align="left"),
            Column(name=f"Mean {sweep.metric.label}"),
            Column(name="Seeds"),
            Column(name="Rank"),
            Column(name="95% CI"),
            Column(name="Best in"),
        ),
        rows=tuple(
            (
                one.arm,
                sweep.metric.number(one.mean),
                str(one.num_seeds),
                str(one.rank),
                f"{one.ci95[0]} to {one.ci95[1]}",
                f"{100 * one.shares[0]:.0f}%",
            )
            for one in sweep.ranks
        ),
    )


def statistics_table(pair: PairFacts) -> Table | None:
    """All numbers of a comparison, a row each; None where it is not made."""
    if not pair.statistics:
        return None
    return Table(
        caption=f"{pair.a} {ARROW} {pair.b}: what the tests above leave unsaid.",
        columns=(Column(name="Statistic", align="left"), Column(name="Value", align="left")),
        rows=pair.statistics,
    )


def seed_table(sweep: SweepFacts) -> Table | None:
    """Spread of the mean score of an arm trained again (A/A); None where no arm has several seeds or repeats."""
    spreads = [(arm.name, arm.spread) for arm in sweep.arms if arm.spread is not None]
    spreads += [] if sweep.noise is None else [sweep.noise]
    if not spreads:
        return None
    return Table(
        caption=f"Seeds alone (A/A): mean {sweep.metric.label} of the same arm on the same cases, trained anew with "
        "another seed, in a repeat of the cross-validation also with other folds.",
        columns=(
            Column(name="Arm", align="left"),
            Column(name="Cases"),
            Column(name=f"Mean {sweep.metric.label} by training"),
            Column(name="sd [95% CI]"),
            Column(name="range"),
        ),
        rows=tuple((name, *_spread_cells(spread, sweep.metric)) for name, spread in spreads),
    )


def _spread_cells(spread: SeedSpread, metric: MetricDescription) -> tuple[str, str, str, str]:
    means = ", ".join(map(metric.number, spread.means))
    sd, low, high = map(metric.number, (spread.sd, *spread.sd_ci95))
    return str(spread.num_cases), means, f"{sd} [{low}, {high}]", metric.number(spread.range)
