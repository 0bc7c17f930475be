"""Entry point of the command line, where each end of a command becomes an exit code."""

import os
import sys

from typer.main import get_command

from hemosweep.cli import completion
from hemosweep.cli.app import app
from hemosweep.cli.ending import Carried, tell_end
from hemosweep.cli.options import printed_logs
from hemosweep.cli.stops import signals_interrupt
from hemosweep.cli.streams import safe_streams
from hemosweep.cli.watch import watched
from hemosweep.errors import HemosweepError


def main() -> None:
    """Entry point: each end of a command is one line at most and an exit code; a defect of ours keeps its traceback."""
    if completion.VARIABLE in os.environ:
        sys.exit(completion.complete(get_command(app)))
    from hemosweep.scratch import own_scratch  # Whoever presses TAB needs none, and waits.

    with watched() as before_output, safe_streams(before_output), signals_interrupt(), own_scratch():
        sys.exit(_run())


def _run() -> int | str | None:
    """Run the command, and return its exit code."""
    code: int | str | None = 0
    try:
        try:
            with printed_logs():
                app()
        except SystemExit as ended:
            code = ended.code
        except Carried as carried:
            raise carried.error from None
        sys.stdout.flush()
    except (HemosweepError, KeyboardInterrupt, MemoryError, OSError) as error:
        return tell_end(error)
    return code
