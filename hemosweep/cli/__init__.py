"""The command line: the one place that joins the engine with the sweeps and the tracker."""

from hemosweep.cli.app import main

__all__ = ["main"]
