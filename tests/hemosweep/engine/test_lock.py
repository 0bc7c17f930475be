import os
import subprocess
import sys

import pytest

from hemosweep.engine.lock import driver_lock
from hemosweep.errors import BadInput

HOLD = "import sys; from pathlib import Path; from hemosweep.engine.lock import driver_lock\n"
HOLD += "with driver_lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


def test_a_second_driver_is_refused_by_the_first_ones_process_and_let_in_when_that_is_killed(tmp_path):
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(BadInput, match=f"another sweep runs here .process {first.pid} on "), driver_lock(tmp_path):
            pass
        first.kill()
    with driver_lock(tmp_path):
        assert str(os.getpid()) in (tmp_path / "driver.lock").read_text()
