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


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint; tensors and plain containers only (`weights_only=True`)."""
    return _unpack(path.read_bytes(), device)


def load_own_checkpoint(path: Path, run: str) -> dict[str, Any] | None:
    """Read the checkpoint to go on from, into the host's memory; None where there is none yet.

    Args:
        run: the fold run's digest, which the checkpoint must contain.

    Raises:
        UnreadableCheckpoint: it is truncated or damaged, or belongs to another fold run.
    """
    if not path.exists():
        return None
    content = path.read_bytes()  # Errors from here on do not come from the file system.
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            if archive.testzip() is not None:  # torch itself looks at no checksum.
                raise BadZipFile
        state = _unpack(content, torch.device("cpu"))
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise UnreadableCheckpoint(f"{path.name} is damaged ({type(error).__name__})") from error
    if not isinstance(state, dict) or state.get("run") != run:
        raise UnreadableCheckpoint(f"{path.name} was not written by this fold run")
    return state


def set_aside(path: Path) -> Path:
    """Rename an unreadable checkpoint, so that it can be examined, and return its new path."""
    return path.replace(path.with_name(f"unreadable-{path.name}"))


def _unpack(content: bytes, device: torch.device) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    return state
