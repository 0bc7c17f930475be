"""The command line: the one place that joins the engine with the sweeps and the tracker."""

from hemosweep.cli.entry import main

__all__ = ["main"]
