"""One checkpoint per epoch, complete or absent: enough to go on bit for bit."""

import os
from pathlib import Path
from typing import Any

import torch


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write, flush to disk, rename: a crash leaves the old checkpoint or the new one."""
    temporary = path.with_name(f".tmp-{path.name}")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint; tensors and plain containers only (`weights_only=True`)."""
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state
