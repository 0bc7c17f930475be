"""`python -m hemosweep.training FOLDER [PARENT]`: the child process that trains the fold run described in FOLDER.

It dies with the process whose id is PARENT.
"""

import sys
import traceback
from pathlib import Path

import torch

from hemosweep.errors import BadInput
from hemosweep.training.fold_run import run_fold
from hemosweep.training.journal import Journal
from hemosweep.training.loop import NonFiniteLoss
from hemosweep.training.parent import die_with_parent
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
        run_fold(FoldRunSpec.read(folder), folder, journal)
    except Exception as error:
        traceback.print_exc()
        kind = next(name for failure, name in FAILURES if isinstance(error, failure))
        journal.write("failed", kind=kind, message=str(error).splitlines()[0] if str(error) else type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 2:
        die_with_parent(int(sys.argv[2]))
    sys.exit(main(Path(sys.argv[1])))
