"""Option `--executor` and its companions: the place where fold runs are trained, open while a sweep runs."""

import ipaddress
import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hemosweep.activity import doing
from hemosweep.durations import read_seconds
from hemosweep.errors import BadInput
from hemosweep.executors.certificates import FOLDER_NAME
from hemosweep.executors.machine import num_places, num_threads
from hemosweep.executors.plugin import ExecutorPlugin, find_plugin, installed_names

if TYPE_CHECKING:
    from distributed import Client, Security

    from hemosweep.executors.protocol import Executor

CONNECT_TIMEOUT_S = 30
BUILT_IN = ("local", "dask", "slurm")


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """Place where fold runs are trained, as asked for on the command line.

    `address` is that of a Dask scheduler, or its scheduler file, or the text that a `plugin` gets: an executor that a
    lab or an installed package wrote, None for ours. `at_once` and `one_a_processor` say how many fold runs share this
    machine's processors. `certs` is None for the folder below the output folder. Fields that do not concern the kind of
    executor are None or empty.
    """

    kind: str = "local"
    address: str = ""
    plugin: ExecutorPlugin | None = None
    per_gpu: int | None = None
    at_once: int | None = None
    one_a_processor: bool = False
    max_jobs: int | None = None
    sbatch: tuple[str, ...] = ()
    host: str | None = None
    certs: Path | None = None
    insecure: bool = False
    time_limit_s: float = math.inf

    @property
    def on_this_machine(self) -> bool:
        """True if fold runs are trained on this machine."""
        return self.kind == "local"

    def num_places(self, num_gpus: int) -> int:
        """Number of fold runs that this machine trains at a time.

        Raises:
            BadInput: as `machine.num_places`.
        """
        return num_places(num_gpus, self.per_gpu, at_once=self.at_once, one_a_processor=self.one_a_processor)

    @property
    def num_threads(self) -> int | None:
        """Threads of each fold run where this machine trains without a GPU; None where it does not train."""
        return num_threads(replace(self, per_gpu=None).num_places(0)) if self.on_this_machine else None


def read_execution(
    executor: str,
    *,
    per_gpu: int | None = None,
    at_once: int | None = None,
    one_a_processor: bool = False,
    max_jobs: int | None = None,
    sbatch: tuple[str, ...] = (),
    host: str | None = None,
    certs: Path | None = None,
    insecure: bool = False,
    time_limit: str | None = None,
) -> Execution:
    """Read the options. An option of another executor is refused, not ignored.

    Raises:
        BadInput: an option cannot be read, or has no meaning here.
    """
    kind, _, address = executor.partition(":")
    plugin = None
    if kind not in BUILT_IN:
        found = find_plugin(executor)
        if found is None:
            raise BadInput(_unknown(executor))
        plugin, address = found
    elif address and kind != "dask":
        raise BadInput(_unknown(executor))
    if kind == "dask" and not address:
        raise BadInput("--executor dask: say which cluster, dask:SCHEDULER.json or dask:tls://HOST:PORT")
    for option, given, kinds in (
        ("--per-gpu", per_gpu is not None, ("local",)),
        ("--at-once", at_once is not None, ("local",)),
        ("--max-jobs", max_jobs is not None, ("slurm",)),
        ("--sbatch", bool(sbatch), ("slurm",)),
        ("--host", host is not None, ("slurm",)),
        ("--certs", certs is not None, ("dask", "slurm")),
        ("--insecure", insecure, ("dask", "slurm")),
    ):
        if given and kind not in kinds:
            raise BadInput(f"{option} is for --executor {' and '.join(kinds)}; leave it out")
    for option, number in (("--per-gpu", per_gpu), ("--at-once", at_once), ("--max-jobs", max_jobs)):
        if number is not None and number < 1:
            raise BadInput(f"{option} {number}: give at least 1")
    if certs is not None and insecure:
        raise BadInput("--certs and --insecure: give one of the two")
    return Execution(
        kind=kind,
        address=address,
        plugin=plugin,
        per_gpu=per_gpu,
        at_once=at_once,
        one_a_processor=one_a_processor and kind == "local",
        max_jobs=max_jobs,
        sbatch=sbatch,
        host=host,
        certs=certs,
        insecure=insecure,
        time_limit_s=math.inf if time_limit is None else read_seconds("--time-limit", time_limit),
    )


def _unknown(executor: str) -> str:
    names = "".join(f", {name}" for name in installed_names())
    return (
        f"unknown executor {executor!r}; give local, slurm, dask:SCHEDULER.json, dask:tls://HOST:PORT{names} or a "
        "Python file with an EXECUTOR, FILE.py[:ADDRESS]"
    )


@contextmanager
def open_executor(execution: Execution, out: Path, *, num_folds: int) -> "Iterator[Executor]":
    """Context with the executor and its resources, for the time of a sweep.

    Args:
        num_folds: number of folds of an arm: so many fold runs may wait at a cluster.

    Raises:
        BadInput: the cluster cannot be reached or used as asked for.
    """
    if execution.plugin is not None:
        with execution.plugin.open(out, address=execution.address, num_folds=num_folds) as executor:
            yield executor
        return
    if execution.kind == "local":
        from hemosweep.executors.local import LocalExecutor, leases

        yield LocalExecutor(
            leases(execution.per_gpu, at_once=execution.at_once, one_a_processor=execution.one_a_processor)
        )
        return
    from hemosweep.executors.dask import DaskExecutor
    from hemosweep.executors.dask import num_places as num_dask_places

    with ExitStack() as stack:
        if execution.kind == "slurm":
            from hemosweep.executors.slurm import slurm_cluster

            max_jobs = num_folds if execution.max_jobs is None else execution.max_jobs
            cluster = slurm_cluster(
                out,
                max_jobs=max_jobs,
                sbatch=execution.sbatch,
                security=_security(execution, out),
                host=execution.host,
            )
            stack.callback(cluster.close)
            client = stack.enter_context(_client(cluster))
            # One job is requested for each waiting fold run.
            yield DaskExecutor(client, num_ahead=max(num_folds, max_jobs), check=cluster.check)
        else:
            address, options = _dask_address(execution, out)
            client = stack.enter_context(_client(address, **options))
            if client.scheduler_info(n_workers=-1)["workers"] and not num_dask_places(client):
                raise BadInput(
                    f"--executor dask: no worker of {address} offers a place; start them with --resources GPU=1"
                )
            yield DaskExecutor(client, num_ahead=num_folds)


def count_slots(execution: Execution, out: Path, *, num_folds: int) -> int:
    """Number of fold runs that a cluster, or the executor of a lab, would train at a time. SLURM is not queried.

    Raises:
        BadInput: it cannot be reached or used as asked for.
    """
    assert not execution.on_this_machine, "this machine's executor starts processes, which would disturb timed steps"
    if execution.kind == "slurm":
        return num_folds if execution.max_jobs is None else execution.max_jobs
    with open_executor(execution, out, num_folds=num_folds) as executor:
        return executor.num_slots


def _client(cluster: Any, **options: Any) -> "Client":
    from distributed import Client

    try:
        with doing(f"connecting to the cluster {cluster}"):
            return Client(cluster, timeout=CONNECT_TIMEOUT_S, set_as_default=False, **options)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"--executor dask:{cluster}: cannot be reached ({reason}); is the scheduler running?") from None


def _dask_address(execution: Execution, out: Path) -> tuple[str, dict[str, Any]]:
    """The scheduler's address and the client's settings for it.

    Raises:
        BadInput: it cannot be read, or would open the cluster to others.
    """
    address = execution.address
    if "://" not in address:
        path = Path(address).expanduser()
        try:
            address = json.loads(path.read_text(encoding="utf-8"))["address"]
        except FileNotFoundError:
            raise BadInput(f"{path}: no such file; start the scheduler with --scheduler-file {path}") from None
        except (OSError, ValueError, KeyError, TypeError):
            raise BadInput(f"{path}: not a Dask scheduler file; start the scheduler anew with it") from None
    if address.startswith("tls://"):
        return address, {"security": _security(execution, out)}
    if not _is_loopback(urlsplit(address).hostname or "") and not execution.insecure:
        raise BadInput(
            f"{address}: whoever can reach this cluster can run code on it; start it with the files of hemosweep "
            "cluster-certs and --protocol tls, or add --insecure on a network where everyone is trusted"
        )
    return address, {}


def _security(execution: Execution, out: Path) -> "Security | None":
    if execution.insecure:
        return None
    from hemosweep.executors.certificates import security

    return security(execution.certs or out / FOLDER_NAME)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
