"""The programs that a data set can be exported to."""

from hemosweep.external.mist import MIST
from hemosweep.external.nnunet import NNUNET
from hemosweep.external.program import Program

PROGRAMS: tuple[Program, ...] = (NNUNET, MIST)


def find_program(name: str) -> Program:
    """The program that a manifest names."""
    return next(program for program in PROGRAMS if program.name == name)
