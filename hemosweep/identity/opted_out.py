"""Modules that cannot change a result, with the reason: neither digested nor followed.

To forget one costs a training, never a stale figure. What such a module imports counts only where something else
imports it, too.
"""

OPTED_OUT = {
    "hemosweep": "names of the Python API, imported when they are asked for",
    "hemosweep.ablation.*": "declares arms, whose configurations are part of every name",
    "hemosweep.activity": "names the work that is done, for whoever waits for it",
    "hemosweep.components.*": "keeps and names components, whose records and code are part of every name",
    "hemosweep.config": "its values, and what follows from them, are part of every name themselves",
    "hemosweep.environment": "what it finds is recorded, not used",
    "hemosweep.errors": "errors and their exit codes",
    "hemosweep.files": "writes files whole or not at all, whatever is in them",
    "hemosweep.foldrun.journal": "what it writes is read by people and by the driver alone",
    "hemosweep.foldrun.lock": "keeps a second process out",
    "hemosweep.foldrun.pause": "stops a process between epochs, where nothing is lost",
    "hemosweep.foldrun.seal": "digests files that are written, and compares them",
    "hemosweep.foldrun.spec": "hands on the cases and the configuration, which are part of the name themselves",
    "hemosweep.identity.*": "names results and checks code",
    "hemosweep.processes": "ends processes with the one that started them",
    "hemosweep.report.terminal.*": "prints",
    "hemosweep.sweeps.*": "makes configurations, which are part of every name themselves",
    "hemosweep.training.cost": "what it counts and measures is recorded, not used",
}
"""Name of a module, or of a package with all its modules (`*`), to the reason."""


def is_opted_out(name: str) -> bool:
    """True for a module that has an entry, by itself or through its package."""
    return name in OPTED_OUT or f"{name.rpartition('.')[0]}.*" in OPTED_OUT or f"{name}.*" in OPTED_OUT
