import threading
import time

import pytest

from hemosweep.tracking.sync.parallel import in_parallel


def test_every_task_has_its_result_and_none_may_be_none():
    assert sorted(in_parallel(range(20), lambda number: number * 2, num_threads=4)) == list(range(0, 40, 2))
    assert list(in_parallel([1, 2], lambda number: None, num_threads=4)) == [None, None]
    assert list(in_parallel([], lambda number: number, num_threads=4)) == []


def test_an_error_ends_the_work_once_what_was_begun_has_ended():
    running, done = threading.Event(), []

    def work(number):
        if number == 0:
            running.set()
            time.sleep(0.1)
            done.append(number)
        elif number == 1:
            running.wait()
            raise ValueError("one")
        else:
            done.append(number)

    with pytest.raises(ValueError, match="one"):
        list(in_parallel(range(100), work, num_threads=2))
    assert done == [0]
