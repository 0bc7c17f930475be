"""Ends of a command: the exit code of each, and its line on standard error."""

import errno
from typing import Any

import typer

from hemosweep.cli.help import Sections
from hemosweep.cli.options import print_error
from hemosweep.cli.streams import STANDARD_OUTPUT, drop_output
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.files import system_message


class Carried(Exception):
    """An exception on its way through the command line's framework, which would answer it with its own words, or with
    none: a bare "Aborted!" for an EOFError."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class Commands(Sections):
    """The commands, from which the framework gets no exception that it would answer itself."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (EOFError, KeyboardInterrupt, OSError) as error:
            raise Carried(error) from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        for name, group in self.commands.items():
            if args[0] not in self.commands and args[0] in getattr(group, "commands", {}):
                ctx.fail(f"No such command '{args[0]}'. Did you mean '{name} {args[0]}'?")
        return super().resolve_command(ctx, args)


def tell_end(error: BaseException) -> int:
    """Print the line of an exception that ended a command; return the exit code.

    Raises:
        BaseException: the exception itself, where it is a defect of ours, which keeps its traceback.
    """
    if isinstance(error, KeyboardInterrupt):
        typer.echo(f"stopped; {' '.join(error.args) or 'start the same command again'}", err=True)
        return 1
    if isinstance(error, HemosweepError):
        print_error(str(error))
        return error.exit_code
    if isinstance(error, MemoryError):
        print_error(f"no memory left{f' ({error})' if str(error) else ''}; end other programs, or give fewer --jobs")
        return 1
    if not isinstance(error, OSError):
        raise error
    if error.filename == STANDARD_OUTPUT and error.errno in (errno.EPIPE, errno.EIO):
        # As other programs end whose reader (`| head -1`) or terminal is gone: without a word.
        drop_output()
        return 1
    # The user's file system, not a defect of ours: no space, no permission, a share that went away.
    print_error(f"{system_message(error)} and start the same command again")
    return BadInput.exit_code
