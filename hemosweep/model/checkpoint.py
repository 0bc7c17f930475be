"""One checkpoint per epoch, complete or absent: enough to go on bit for bit."""

import io
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch

from hemosweep.errors import HemosweepError
from hemosweep.files import replacing
from hemosweep.model.memory import is_out_of_memory


class UnreadableCheckpoint(HemosweepError):
    """A checkpoint is damaged, or another fold run wrote it."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write, flush to disk, rename: a crash leaves the old checkpoint or the new one.

    Raises:
        OSError: the disk is full, for one.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            # torch closes its archive after the first error, and raises another error instead.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def load_checkpoint(path: Path, run: str) -> dict[str, Any] | None:
    """Read a file of a fold run's training, as `unpack_checkpoint`; None where there is none.

    Raises:
        UnreadableCheckpoint: as `unpack_checkpoint`.
    """
    return unpack_checkpoint(path.read_bytes(), path.name, run) if path.exists() else None


def unpack_checkpoint(content: bytes, name: str, run: str) -> dict[str, Any]:
    """State of a checkpoint, or of a file of weights, in the host's memory.

    This is the one way in: every part is compared with its checksum, and only tensors and plain containers are made
    (`weights_only=True`).

    Args:
        name: of the file, for messages.
        run: the fold run's digest, which the state must contain.

    Raises:
        UnreadableCheckpoint: it is truncated or damaged, or belongs to another fold run.
    """
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            if archive.testzip() is not None:  # torch itself looks at no checksum.
                raise BadZipFile
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise UnreadableCheckpoint(f"{name} is damaged ({type(error).__name__})") from error
    if not isinstance(state, dict) or state.get("run") != run:
        raise UnreadableCheckpoint(f"{name} was not written by this fold run")
    return state


def set_aside(path: Path) -> Path:
    """Rename an unreadable checkpoint, so that it can be examined, and return its new path."""
    return path.replace(path.with_name(f"unreadable-{path.name}"))
