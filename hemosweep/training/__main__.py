"""`python -m hemosweep.training FOLDER [PARENT]`: the child process that trains the fold run described in FOLDER.

It dies with the process whose id is PARENT.
"""

import re
import sys
import traceback
from pathlib import Path

import torch

from hemosweep.errors import BadInput
from hemosweep.training.fold_run import run_fold
from hemosweep.training.journal import Journal
from hemosweep.training.loop import NonFiniteLoss
from hemosweep.training.parent import die_with_parent
from hemosweep.training.source import source_digest
from hemosweep.training.spec import JOURNAL_NAME, FoldRunSpec

FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (torch.OutOfMemoryError, "out_of_memory"),
    (MemoryError, "out_of_memory"),
    (NonFiniteLoss, "non_finite_loss"),
    (BadInput, "data"),
    (OSError, "system"),
    (Exception, "defect"),
)


def main(folder: Path) -> int:
    journal = Journal(folder / JOURNAL_NAME)
    try:
        spec = FoldRunSpec.read(folder)
        if spec.source is not None and spec.source != source_digest():
            raise BadInput("the source code changed after the sweep began; start the same command again")
        run_fold(spec, folder, journal)
    except Exception as error:
        traceback.print_exc()
        kind = next(name for failure, name in FAILURES if isinstance(error, failure))
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        journal.write("failed", kind=kind, message=_without_folders(message))
        return 1
    return 0


def _without_folders(message: str) -> str:
    """A message with file names in place of paths: the journal goes into the tracker, the log stays here."""
    return re.sub(r"/(?:[^/\s:]+/)+", "", message)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        die_with_parent(int(sys.argv[2]))
    sys.exit(main(Path(sys.argv[1])))
