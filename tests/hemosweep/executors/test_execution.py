"""`--executor` and its companions: what can be asked for, and what is refused before anything is opened."""

import json
import math
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from hemosweep.errors import BadInput
from hemosweep.executors.execution import Execution, count_slots, open_executor, read_execution


@pytest.mark.parametrize(
    ("executor", "kind", "address"),
    [
        ("local", "local", ""),
        ("slurm", "slurm", ""),
        ("dask:/shared/scheduler.json", "dask", "/shared/scheduler.json"),
        ("dask:tls://node1:8786", "dask", "tls://node1:8786"),
    ],
)
def test_an_executor_is_a_kind_and_for_dask_an_address(executor, kind, address):
    execution = read_execution(executor)
    assert (execution.kind, execution.address) == (kind, address)
    assert execution.on_this_machine == (kind == "local")
    assert execution.time_limit_s == math.inf


@pytest.mark.parametrize(
    ("executor", "options", "message"),
    [
        ("ray", {}, "unknown executor 'ray'; give local, slurm, dask:"),
        ("local:2", {}, "unknown executor 'local:2'"),
        ("dask", {}, "say which cluster"),
        ("slurm", {"per_gpu": 2}, "--per-gpu is for --executor local; leave it out"),
        ("local", {"max_jobs": 4}, "--max-jobs is for --executor slurm"),
        ("local", {"per_gpu": 0}, "^--per-gpu 0: give at least 1"),
        ("slurm", {"max_jobs": 0}, "^--max-jobs 0: give at least 1"),
        ("slurm", {"max_jobs": -1}, "^--max-jobs -1: give at least 1"),
        ("dask:s.json", {"sbatch": ("--time=1",)}, "--sbatch is for --executor slurm"),
        ("dask:s.json", {"host": "10.0.0.1"}, "--host is for --executor slurm"),
        ("local", {"certs": Path("certs")}, "--certs is for --executor dask and slurm"),
        ("local", {"insecure": True}, "--insecure is for --executor dask and slurm"),
        ("slurm", {"insecure": True, "certs": Path("certs")}, "give one of the two"),
        ("local", {"time_limit": "soon"}, "--time-limit 'soon': give a time such as 45m, 1h30m or 2d"),
        ("local", {"time_limit": "1.5h"}, "give a time such as"),
        ("local", {"time_limit": ""}, "give a time such as"),
    ],
)
def test_what_has_no_meaning_is_refused(executor, options, message):
    with pytest.raises(BadInput, match=message.replace("(", r"\(")):
        read_execution(executor, **options)


@pytest.mark.parametrize(
    ("text", "seconds"), [("45m", 2700.0), ("1h30m", 5400.0), ("2d", 172800.0), ("90s", 90.0), ("1d1h1m1s", 90061.0)]
)
def test_a_time_limit_is_read_in_the_units_that_people_write(text, seconds):
    assert read_execution("local", time_limit=text).time_limit_s == seconds


def refusal(tmp_path, execution):
    with pytest.raises(BadInput) as refused, open_executor(execution, tmp_path, num_folds=5):
        pass
    (line,) = str(refused.value).splitlines()
    return line


def scheduler_file(tmp_path, address):
    path = tmp_path / "scheduler.json"
    path.write_text(json.dumps({"address": address}))
    return str(path)


@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize("address", ["tcp://10.0.0.7:8786", "tcp://node1:8786", "ws://[2001:db8::1]:8786"])
def test_a_cluster_that_others_can_reach_is_refused_without_tls(tmp_path, address, as_file):
    given = scheduler_file(tmp_path, address) if as_file else address
    line = refusal(tmp_path, Execution(kind="dask", address=given))
    assert line.startswith(f"{address}: whoever can reach this cluster can run code on it")
    assert "hemosweep cluster-certs" in line
    assert "--insecure" in line


def test_a_cluster_with_tls_wants_the_certificates(tmp_path):
    line = refusal(tmp_path, Execution(kind="dask", address="tls://10.0.0.7:8786"))
    assert str(tmp_path / "cluster-certs") in line
    assert "hemosweep cluster-certs" in line
    line = refusal(tmp_path, Execution(kind="slurm", certs=tmp_path / "others"))
    assert str(tmp_path / "others") in line


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such file; start the scheduler with --scheduler-file"), ("{", "not a Dask")]
)
def test_a_scheduler_file_that_cannot_be_read(tmp_path, content, message):
    path = tmp_path / "scheduler.json"
    if content is not None:
        path.write_text(content)
    assert refusal(tmp_path, Execution(kind="dask", address=str(path))).startswith(f"{path}: {message}")


def test_a_scheduler_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr("hemosweep.executors.execution.CONNECT_TIMEOUT_S", 0.5)
    line = refusal(tmp_path, Execution(kind="dask", address=scheduler_file(tmp_path, "tcp://127.0.0.1:9")))
    assert "tcp://127.0.0.1:9: cannot be reached" in line


# --- Executors of a lab -----------------------------------------------------------------------------------------------

PLUGIN = """
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

@dataclass(frozen=True, kw_only=True, slots=True)
class Mine:
    greeting: str = "hello"

    def open(self, out: Path, *, address: str, num_folds: int):
        return nullcontext(SimpleNamespace(out=out, address=address, num_slots=num_folds, greeting=self.greeting))

EXECUTOR = Mine()
"""


@pytest.fixture
def file(tmp_path):
    """Writes a lab's file."""

    def write(text=PLUGIN):
        path = tmp_path / "mine.py"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def install(monkeypatch):
    """Puts entry points there, as installed packages have them."""

    def install(*entries):
        entries = [EntryPoint(name=name, value=value, group="hemosweep.executors") for name, value in entries]
        monkeypatch.setattr("hemosweep.plugins.entry_points", lambda group: [e for e in entries if e.group == group])
        module = ModuleType("lab_of_mine")
        monkeypatch.setitem(sys.modules, "lab_of_mine", module)
        exec(PLUGIN, module.__dict__)

    return install


@pytest.mark.parametrize(("after", "address"), [("", ""), (":gpu-host:7", "gpu-host:7"), (":tls://a:1", "tls://a:1")])
def test_the_executor_of_a_file_is_opened_with_the_address(file, tmp_path, after, address):
    execution = read_execution(f"{file()}{after}", time_limit="1h")
    assert not execution.on_this_machine
    assert execution.time_limit_s == 3600.0
    with open_executor(execution, tmp_path / "out", num_folds=5) as executor:
        assert (executor.out, executor.address, executor.greeting) == (tmp_path / "out", address, "hello")
    assert count_slots(execution, tmp_path, num_folds=3) == 3


def test_the_executor_of_an_installed_package_has_the_name_of_its_entry_point(install, tmp_path):
    install(("queue", "lab_of_mine:EXECUTOR"))
    with open_executor(read_execution("queue:short"), tmp_path, num_folds=5) as executor:
        assert executor.address == "short"


def test_an_unknown_name_lists_those_of_installed_packages(install):
    install(("queue", "lab_of_mine:EXECUTOR"))
    with pytest.raises(BadInput, match=r"^unknown executor 'ray'; give local, .*, queue or a Python file"):
        read_execution("ray")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ((("queue", "lost_package:EXECUTOR"),), "ModuleNotFoundError: No module named 'lost_package'"),
        ((("queue", "lab_of_mine:LOST"),), "AttributeError"),
        ((("queue", "lab_of_mine:Mine"),), "no instance of a frozen dataclass"),
        ((("queue", "lab_of_mine:EXECUTOR"), ("queue", "other:EXECUTOR")), "two executors are named 'queue', of "),
    ],
)
def test_an_installed_package_that_cannot_be_used_is_one_line_that_names_it(install, entries, said):
    install(*entries)
    with pytest.raises(BadInput) as refused:
        read_execution("queue")
    (line,) = str(refused.value).splitlines()
    assert said in line
    assert all(value in line for _, value in entries)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "mine.py: no such file"),
        ("x = 1\n", "mine.py: has no EXECUTOR"),
        ("x = 1\ny = 1 / 0\n", "mine.py:2: ZeroDivisionError: division by zero"),
        ("def f():\n    raise ValueError('two\\nlines')\n\nf()\n", "mine.py:2: ValueError: two lines"),
        ("x = 1\nif x\n", "mine.py:2: SyntaxError: expected ':'"),
        ("import lost_package\n", "mine.py:1: ModuleNotFoundError: No module named 'lost_package'"),
        ("raise SystemExit('gone')\n", "mine.py:1: SystemExit: gone"),
        ("EXECUTOR = 7\n", "mine.py: EXECUTOR is no instance of a frozen dataclass"),
        (PLUGIN.replace("EXECUTOR = Mine()", "EXECUTOR = Mine"), "EXECUTOR is no instance of a frozen dataclass"),
        (PLUGIN.replace("frozen=True, ", ""), "EXECUTOR is no instance of a frozen dataclass"),
        (PLUGIN.replace("def open", "def close"), "mine.py: EXECUTOR has no method open"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_with_the_place(file, tmp_path, text, said):
    path = tmp_path / "mine.py" if text is None else file(text)
    with pytest.raises(BadInput) as refused:
        read_execution(f"{path}:address")
    (line,) = str(refused.value).splitlines()
    assert said in line


@pytest.mark.parametrize("option", [{"per_gpu": 2}, {"max_jobs": 2}, {"host": "a"}, {"insecure": True}])
def test_the_options_of_other_executors_are_refused_with_a_file(file, option):
    with pytest.raises(BadInput, match="leave it out"):
        read_execution(str(file()), **option)
