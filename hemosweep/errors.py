"""Every error that hemosweep raises on purpose.

A message names what is wrong, where (file, case or value) and the way out. The command line prints it as one line and
exits with the class's `exit_code`; any other exception is a defect of ours and keeps its traceback.
"""


class HemosweepError(Exception):
    """Root of all deliberate errors."""

    exit_code = 1


class BadInput(HemosweepError, ValueError):
    """The user's data, options or names cannot be used as given."""

    exit_code = 2


class TimeIsUp(HemosweepError):
    """The time limit of a sweep is over. Its fold runs have stopped where nothing is lost."""


class NotComparable(HemosweepError):
    """Two runs differ in something that makes their comparison meaningless (DESIGN.md, *What may be compared*)."""

    exit_code = 3
