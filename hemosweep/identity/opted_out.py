"""Modules that cannot change a result, with the reason: neither digested nor followed.

To forget one costs a training, never a stale figure. What such a module imports counts only where something else
imports it, too.
"""

OPTED_OUT = {
    "hemosweep": "names of the Python API, imported when they are asked for",
    "hemosweep.config": "its values, and what follows from them, are part of every name themselves",
    "hemosweep.environment": "what it finds is recorded, not used",
    "hemosweep.errors": "errors and their exit codes",
    "hemosweep.files": "writes files whole or not at all, whatever is in them",
    "hemosweep.foldrun": "a folder's description",
    "hemosweep.foldrun.journal": "what it writes is read by people and by the driver alone",
    "hemosweep.foldrun.lock": "keeps a second process out",
    "hemosweep.foldrun.pause": "stops a process between epochs, where nothing is lost",
    "hemosweep.foldrun.spec": "hands on the cases and the configuration, which are part of the name themselves",
}
"""Name of a module to the reason."""
