"""Processes that work for this one: what has begun may end early after an error."""

import time
from functools import partial
from pathlib import Path

import pytest

from hemosweep.data.parallel import is_stopping, process_pool


def work_until_stopped(folder: Path) -> None:
    (folder / "began").touch()
    deadline = time.monotonic() + 60.0
    while not is_stopping() and time.monotonic() < deadline:
        time.sleep(0.01)
    (folder / "ended").write_text("early" if is_stopping() else "late")


def interrupt_once_begun(folder: Path) -> None:
    with process_pool(1) as submit:
        working = submit(partial(work_until_stopped, folder))
        while not (folder / "began").exists() and not working.done():
            time.sleep(0.01)
        raise KeyboardInterrupt


def test_what_has_begun_learns_that_nobody_wants_it_any_more(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupt_once_begun(tmp_path)
    assert (tmp_path / "ended").read_text() == "early"


def test_outside_a_pool_nothing_is_stopping() -> None:
    assert not is_stopping()
