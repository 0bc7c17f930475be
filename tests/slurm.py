"""A real SLURM of one node, on loopback: its daemons and all that they write live in one temporary folder."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hemosweep.processes import die_with_parent
from tests.processes import is_alive, wait_for

DAEMONS = ("munged", "slurmctld", "slurmd")
PROGRAMS = (*DAEMONS, "sbatch", "scancel", "scontrol", "sinfo", "squeue")
PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))
"""Daemons are in folders that only root has on its path."""
DEVICES = ("/dev/null", "/dev/zero")
"""Files that stand for the node's GPUs: SLURM asks for device files and never opens them."""
NUM_CPUS = 4

CONFIGURATION = """\
ClusterName=hemosweep
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={num_cpus} Gres=gpu:{num_gpus}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_no_slurm():
    """Reason to skip a test, if SLURM cannot run here; None where it can."""
    if not sys.platform.startswith("linux"):
        return "SLURM needs Linux"
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if missing:
        return f"no {', '.join(missing)} (Debian: apt-get install slurmctld slurmd slurm-client munge)"
    return None


@dataclass(frozen=True)
class Slurm:
    """A SLURM that runs. `environment` is for the programs that are to find it: sbatch, and whatever calls that."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command):
        """Run one of SLURM's programs, and return what it printed."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout.strip()

    def jobs(self, *states):
        """Ids of the jobs in some states, such as RUNNING; without any, of all that are not over."""
        chosen = ("--states", ",".join(states)) if states else ()
        return [int(line) for line in self.run("squeue", "--noheader", "--format=%i", *chosen).split()]

    def processes(self):
        """Ids of the processes that live in its environment: its daemons, and the jobs."""
        marker = f"SLURM_CONF={self.environment['SLURM_CONF']}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if marker in path.read_bytes().split(b"\0"):
                    found.append(int(path.parts[2]))
        return [pid for pid in found if pid != os.getpid() and is_alive(pid)]


@contextmanager
def slurm():
    """Start a SLURM and wait until its node is idle; at the end nothing is left of it, nor of its jobs."""
    with TemporaryDirectory(prefix="slurm-") as name:
        # Short, since a socket's path is at most 107 bytes, and open to all, which munged insists on.
        folder = Path(name)
        folder.chmod(0o755)
        it = Slurm(folder, os.environ | {"PATH": PATH, "SLURM_CONF": str(folder / "slurm.conf")})
        daemons = []
        try:
            _configure(folder)
            daemons.append(_start(it, "munged", "--foreground", *_munge_options(folder)))
            wait_for(lambda: (folder / "munge.socket").exists(), f"munged's socket in {folder}", 30)
            daemons.append(_start(it, "slurmctld", "-D", "-i"))
            daemons.append(_start(it, "slurmd", "-D"))
            wait_for(lambda: _is_idle(it), f"an idle node; SLURM's logs:\n{_Logs(folder)}", 60)
            yield it
        finally:
            _end(it, daemons)


def _configure(folder):
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    (folder / "gres.conf").write_text(f"Name=gpu File={','.join(DEVICES)}\n")
    controller_port, node_port = _free_ports(2)
    text = CONFIGURATION.format(
        folder=folder,
        host=socket.gethostname().partition(".")[0],
        user=pwd.getpwuid(os.geteuid()).pw_name,
        controller_port=controller_port,
        node_port=node_port,
        num_cpus=NUM_CPUS,
        num_gpus=len(DEVICES),
    )
    (folder / "slurm.conf").write_text(text)


def _munge_options(folder):
    names = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munge.pid", "seed-file": "munge.seed"}
    return [f"--{option}={folder / name}" for option, name in names.items()] + [f"--log-file={folder / 'munge.log'}"]


def _free_ports(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def _start(it, program, *arguments):
    parent = os.getpid()
    with (it.folder / f"{program}.log").open("ab") as log:
        return subprocess.Popen(
            [shutil.which(program, path=PATH), *arguments],
            env=it.environment,
            cwd=it.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent),
        )


def _is_idle(it):
    asked = subprocess.run(
        ["sinfo", "--noheader", "--format=%T"], env=it.environment, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() == "idle"


class _Logs:
    """The daemons' logs, read only when they are to be shown."""

    def __init__(self, folder):
        self.folder = folder

    def __format__(self, _):
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


def _end(it, daemons):
    """First the jobs, while there is somebody to end them, then the daemons, then whatever is left."""
    if len(daemons) == len(DAEMONS):
        subprocess.run(["scancel", "--user", pwd.getpwuid(os.geteuid()).pw_name], env=it.environment, check=False)
        with suppress(AssertionError):
            wait_for(lambda: not it.jobs(), "the end of its jobs", 15)
    for daemon in reversed(daemons):
        daemon.terminate()
        try:
            daemon.wait(5)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
    for pid in it.processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not it.processes(), "the end of its processes", 15)
