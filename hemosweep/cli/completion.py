"""Names that the shell completes: of sweeps, arms and runs, and the values of options. What takes long is not imported.

A completion never raises: without an answer the shell completes the names of files.
"""

import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import typer

import hemosweep.sweeps as own_package

VARIABLE = "_HEMOSWEEP_COMPLETE"
"""Environment variable by which the shell asks for completions."""
_WORDS, _PLACE = "COMP_WORDS", "COMP_CWORD"
_BREAKS = re.compile(r"[=:@]+")
"""Characters at which bash breaks words, other than space and what has a meaning for the shell itself."""
_NAMED = re.compile(r'\b(?:Sweep|Search)\(\s*name="([^"]+)"')
"""The name of an ablation or a search, where a file of hemosweep makes it."""
_PLAIN = re.compile(r"([^\w@%+=:,./~-])")

Complete = Callable[[typer.Context, str], list[str]]


def complete(command: Any) -> int:
    """Answer the shell: print the completions of a command line, and return the exit code."""
    bash = os.environ[VARIABLE] == "complete_bash"
    answer, code = io.StringIO(), 0
    try:
        begun, quoted = _join_words(os.environ) if bash else ("", False)
        with _values_as_typed(command), redirect_stdout(answer), redirect_stderr(io.StringIO()):
            command()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except (Exception, KeyboardInterrupt):
        return 1
    lines = answer.getvalue().splitlines()
    if bash:
        lines = [
            line.removeprefix(begun) if quoted else _PLAIN.sub(r"\\\1", line.removeprefix(begun)) for line in lines
        ]
    try:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    except OSError:
        return 1
    return code


@contextmanager
def _values_as_typed(command: Any) -> Iterator[None]:
    """Context in which every value is left as it is typed. To check it takes longer than all else, and a check may
    print, or end the process."""

    def as_typed(parameter: Any, ctx: Any, value: Any) -> Any:
        return value

    commands = [command, *getattr(command, "commands", {}).values()]
    kinds: set[Any] = {type(parameter) for one in commands for parameter in one.params}
    with ExitStack() as stack:
        for kind in kinds:
            stack.callback(setattr, kind, "process_value", kind.process_value)
            kind.process_value = as_typed
        yield


def _join_words(environment: Any) -> tuple[str, bool]:
    """Put words together that bash has broken: `--out=runs` are three words to it, and so is `loss/focal@0`.

    Returns:
        What was typed of the last word before its last part, which alone bash replaces, and whether that part is
        quoted.
    """
    place = int(environment[_PLACE])
    parts = environment[_WORDS].split("\n")[: place + 1]
    parts += [""] * (place + 1 - len(parts))  # A last word of which nothing is typed may be left out.
    words: list[str] = []
    joins = False
    for number, part in enumerate(parts):
        is_break = bool(_BREAKS.fullmatch(part))
        if words and number > 1 and (is_break or joins):
            words[-1] += part
        else:
            words.append(part)
        joins = is_break
    last = parts[-1]
    environment[_WORDS], environment[_PLACE] = "\n".join(words), str(len(words) - 1)
    begun = words[-1] if _BREAKS.fullmatch(last) else words[-1][: len(words[-1]) - len(last)]
    return begun, last.startswith(('"', "'"))


def _answer(find: Callable[[typer.Context, str], Iterable[str]]) -> Complete:
    """The names that `find` finds and that begin as typed; none where it fails."""

    def names(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            return [name for name in find(ctx, incomplete) if name.startswith(incomplete)]
        except Exception:
            return []

    return names


def _among(find: Callable[[], Iterable[str]]) -> Complete:
    return _answer(lambda ctx, incomplete: find())


def _out(ctx: typer.Context) -> Path:
    return Path(ctx.params.get("out") or "runs").expanduser()


def _recorded(ctx: typer.Context) -> Mapping[tuple[str, str], list[str]]:
    from hemosweep.tracking.names import finished_arms

    return finished_arms(_out(ctx))


def _own_sweeps() -> dict[str, str]:
    """Names of hemosweep's sweeps, each with its module; to import them would take longer than all else."""
    folder = Path(str(own_package.__file__)).parent
    return {name: file.stem for file in sorted(folder.glob("*.py")) for name in _NAMED.findall(file.read_text("utf-8"))}


def _known_sweeps() -> list[str]:
    """hemosweep's, and those of installed packages by their entry points: to load one may take seconds."""
    from hemosweep.plugins import SWEEPS, installed

    return [*_own_sweeps(), *(one.name for one in installed(SWEEPS))]


def _recorded_sweeps(ctx: typer.Context, incomplete: str) -> list[str]:
    return list(dict.fromkeys(sweep for sweep, _ in _recorded(ctx)))


def _arms(ctx: typer.Context, incomplete: str) -> list[str]:
    """Arms behind those that are typed already, with a comma between them."""
    # Where an option still lacks its value, the parser leaves the arguments before it as they are.
    sweep = str(ctx.params.get("name") or next(iter(ctx.args), ""))
    module = _own_sweeps().get(sweep)
    names = [arm for of, arm in _recorded(ctx) if of == sweep] if module is None else _own_arms(module, sweep)
    chosen = incomplete.split(",")[:-1]
    return [",".join([*chosen, name]) for name in names if name not in chosen]


def _own_arms(module: str, sweep: str) -> tuple[str, ...]:
    from hemosweep.ablation.catalogue import listed_in

    return next(one.sweep.arm_names for one in listed_in(module) if one.name == sweep)


def _runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """SWEEP/ARM, and each run of an arm that has several."""
    found = _recorded(ctx)
    several = [name for names in found.values() if len(names) > 1 for name in names]
    return [*(f"{sweep}/{arm}" for sweep, arm in found), *several]


def _metrics() -> Iterable[str]:
    from hemosweep.scores.table import NUMBER_COLUMNS

    return NUMBER_COLUMNS


def _profiles() -> Iterable[str]:
    from hemosweep.sweeps.base import PROFILES

    return PROFILES


def _executors() -> Iterable[str]:
    from hemosweep.executors.execution import BUILT_IN
    from hemosweep.executors.plugin import installed_names

    return (*BUILT_IN, *installed_names())


def _symmetric() -> Iterable[str]:
    from hemosweep.config import SYMMETRIC

    return SYMMETRIC


def _sizes() -> Iterable[str]:
    from hemosweep.phantom.sizes import SIZES

    return SIZES


sweeps, recorded_sweeps, arms, runs = _among(_known_sweeps), _answer(_recorded_sweeps), _answer(_arms), _answer(_runs)
any_sweeps = _answer(lambda ctx, incomplete: dict.fromkeys([*_known_sweeps(), *_recorded_sweeps(ctx, incomplete)]))
metrics, profiles, executors = _among(_metrics), _among(_profiles), _among(_executors)
symmetric, sizes = _among(_symmetric), _among(_sizes)


def words(*names: str) -> Complete:
    """These words."""
    return _among(lambda: names)
