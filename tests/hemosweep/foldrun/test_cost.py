"""Cost of a fold run by its journal, with answers by hand."""

from hemosweep.foldrun.cost import cost_of, joint_cost
from hemosweep.runs import Cost

GIB = 2**30


def epoch(number, seconds):
    return {"event": "epoch", "epoch": number, "seconds": seconds}


def case_event(case_id, seconds, **fields):
    return {"event": "tested", "case_id": case_id, "seconds": seconds, **fields}


def test_the_cost_is_that_of_the_events_and_what_was_done_twice_counts_once():
    events = [
        epoch(1, 90.0),
        epoch(1, 2.0),
        epoch(2, 4.0),
        {"event": "peak_memory", "of": "gpu", "bytes": 3 * GIB},
        {"event": "network", "parameters": 1000, "window_flops": 2_000_000_000},
        case_event("a", 9.0, num_windows=10),
        case_event("a", 1.0, num_windows=10),
        case_event("b", 2.0, num_windows=20),
        {"event": "peak_memory", "of": "gpu", "bytes": GIB},
    ]
    assert cost_of(events) == Cost(parameters=1000, case_gflop=30.0, epoch_s=3.0, case_s=1.5, gpu_gib=3.0)


def test_a_journal_of_an_earlier_version_has_times_alone():
    assert cost_of([epoch(1, 2.0), case_event("a", 1.0)]) == Cost(epoch_s=2.0, case_s=1.0)
    assert cost_of([]) == Cost()


def test_cases_of_which_one_was_tested_by_an_earlier_version_have_no_mean_of_operations():
    network = {"event": "network", "parameters": 5, "window_flops": 10}
    cost = cost_of([case_event("a", 1.0), network, case_event("b", 1.0, num_windows=7)])
    assert (cost.parameters, cost.case_gflop) == (5, None)


def test_several_have_the_largest_memory_the_means_of_all_else_and_nothing_that_one_lacks():
    first = Cost(parameters=7, case_gflop=1.0, epoch_s=2.0, case_s=3.0, process_gib=0.5)
    second = Cost(parameters=7, epoch_s=4.0, case_s=5.0, process_gib=1.5)
    assert joint_cost([first, second]) == Cost(parameters=7, epoch_s=3.0, case_s=4.0, process_gib=1.5)
    assert joint_cost([]) == Cost()
