"""Cases of a report: their way into its tables, and the groups that its results are split by."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import pandas as pd

from hemosweep.comparison.family import DeclaredPair, Family
from hemosweep.report.document.facts import FlowStep, Grouping
from hemosweep.scores.catalogue import DSC
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.table import UNKNOWN
from hemosweep.stats.groups import GroupDifference, group_difference
from hemosweep.stats.pairing import pair
from hemosweep.workflows.reporting.data_sets import DataSet

LESION_VOLUME = "lesion volume"
THIRDS = ("smallest third", "middle third", "largest third")
MIN_THIRDS = 2 * len(THIRDS)
"""Fewest cases whose lesion volumes are split into thirds."""
MAX_GROUPS = 5
"""A column with more values has those of the most cases as groups, and the others as one."""
OTHERS = "others"


def case_flow(
    tables: Mapping[str, Sequence[pd.DataFrame]],
    family: Family,
    data: DataSet | None,
    metric: MetricDescription = DSC,
) -> tuple[FlowStep, ...]:
    """Steps of the cases from the data set into the comparisons, with everything that is left out on the way.

    Args:
        tables: case tables of the finished runs of each arm.
        data: the data set of the runs; None where it is not here.
        metric: that of the comparisons.
    """
    every = list(chain.from_iterable(tables.values()))
    if not every:
        return ()
    patients: dict[str, str] = {}
    for table in every:
        patients |= dict(zip(table["case_id"], table["patient_id"], strict=True))
    return tuple(_steps(tables, family, data, patients, metric))


def _steps(
    tables: Mapping[str, Sequence[pd.DataFrame]],
    family: Family,
    data: DataSet | None,
    patients: Mapping[str, str],
    metric: MetricDescription,
) -> Iterator[FlowStep]:
    def step(name: str, case_ids: Sequence[str], left_out: Mapping[str, Sequence[str]]) -> FlowStep:
        names = {patients.get(case_id, UNKNOWN) for case_id in case_ids}
        return FlowStep(
            name=name,
            num_cases=len(case_ids),
            num_patients=None if UNKNOWN in names else len(names),
            left_out={reason: tuple(ids) for reason, ids in left_out.items() if ids},
        )

    tested = sorted(patients)
    if data is not None:
        others = sorted(data.cases.keys() - set(tested))
        without_cta = [case_id for case_id in others if data.cases[case_id].cta_path is None]
        elsewhere = {
            "not in these runs, without angiography": without_cta,
            "not in these runs": [case_id for case_id in others if case_id not in without_cta],
        }
        whole = step("in the data set", sorted(data.cases), elsewhere)
        yield replace(whole, num_patients=len({case.patient_id for case in data.cases.values()}))
    by_arm = {arm: sorted(set(chain.from_iterable(table["case_id"] for table in own))) for arm, own in tables.items()}
    undefined = {
        arm: sorted(
            {
                case_id
                for table in own
                if metric.name in table
                for case_id in table.loc[table[metric.name].isna(), "case_id"]
            }
        )
        for arm, own in tables.items()
    }
    why = ", as the reference has no lesion" if metric.name == DSC.name else ""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for arm, own in tables.items():
        if own:
            alike.setdefault((tuple(by_arm[arm]), tuple(undefined[arm])), []).append(arm)
    for (case_ids, unscored), arms in alike.items():
        which = "every finished arm" if len(alike) == 1 else ", ".join(arms)
        left_out = {
            "not tested there": [case_id for case_id in tested if case_id not in case_ids],
            f"without a {metric.label}{why}": unscored,
        }
        yield step(f"tested by {which}", case_ids, left_out)
    for declared in family.pairs:
        if declared.comparison is not None:
            excluded = declared.comparison.comparison.excluded
            left = {case_id for side in (declared.a, declared.b) for case_id in by_arm[side]} - set(excluded)
            yield step(f"compared, {declared.a} and {declared.b}", sorted(left), {"not scored in both": excluded})


def groupings(
    tables: Mapping[str, Sequence[pd.DataFrame]], family: Family, data: DataSet | None
) -> tuple[Grouping, ...]:
    """The ways to split the cases: by thirds of the lesion volume, and by each free column of the data set with several
    values that cases share.

    Arguments as `case_flow`.
    """
    every = list(chain.from_iterable(tables.values()))
    if not every:
        return ()
    case_ids = sorted(set(chain.from_iterable(table["case_id"] for table in every)))
    found = {LESION_VOLUME: _thirds(every)} | ({} if data is None else _columns(case_ids, data))
    compared = [declared for declared in family.pairs if declared.comparison is not None]
    return tuple(
        Grouping(
            name=name,
            groups=groups,
            differences={(declared.a, declared.b): _differences(groups, declared) for declared in compared},
        )
        for name, groups in found.items()
        if groups
    )


def _thirds(tables: Sequence[pd.DataFrame]) -> dict[str, frozenset[str]]:
    volumes_ml: dict[str, float] = {}
    for table in tables:
        known = table[table["reference_ml"] > 0]
        volumes_ml |= dict(zip(known["case_id"], known["reference_ml"], strict=True))
    if len(volumes_ml) < MIN_THIRDS:
        return {}
    ordered = sorted(volumes_ml, key=lambda case_id: (volumes_ml[case_id], case_id))
    parts = [part.tolist() for part in np.array_split(np.array(ordered, dtype=object), len(THIRDS))]
    return {
        f"{name}, {volumes_ml[part[0]]:.3g} to {volumes_ml[part[-1]]:.3g} mL": frozenset(part)
        for name, part in zip(THIRDS, parts, strict=True)
    }


def _columns(case_ids: Sequence[str], data: DataSet) -> dict[str, dict[str, frozenset[str]]]:
    names = dict.fromkeys(chain.from_iterable(data.free.get(case_id, {}) for case_id in case_ids))
    found = {}
    for name in names:
        values = {
            case_id: text for case_id in case_ids if (text := data.free.get(case_id, {}).get(name, UNKNOWN)) != UNKNOWN
        }
        counts = Counter(values.values())
        # One value splits nothing; values that no two cases share are ids, dates or measurements.
        if len(counts) < 2 or len(counts) > len(values) / 2:
            continue
        kept = sorted(counts, key=lambda text: (-counts[text], text))
        if len(kept) > MAX_GROUPS:
            kept = kept[: MAX_GROUPS - 1]
        groups = {text: frozenset(case_id for case_id, own in values.items() if own == text) for text in sorted(kept)}
        rest = frozenset(case_id for case_id, own in values.items() if own not in kept)
        found[name] = groups | ({OTHERS: rest} if rest else {})
    return found


def _differences(groups: Mapping[str, frozenset[str]], declared: DeclaredPair) -> tuple[GroupDifference, ...]:
    assert declared.comparison is not None
    metric = declared.comparison.comparison.metric
    pairs = pair(declared.comparison.a.seeds, declared.comparison.b.seeds, metric)
    rows = {
        name: [place for place, case_id in enumerate(pairs.case_ids) if case_id in ids] for name, ids in groups.items()
    }
    return tuple(
        group_difference(name, pairs.a_N[places], pairs.b_N[places], pairs.resolution) for name, places in rows.items()
    )
