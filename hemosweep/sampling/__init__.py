"""Patches: their regions, centres, and the gather on the training device."""

from hemosweep.sampling.bank import PatchBank
from hemosweep.sampling.centres import Centres, case_regions, draw_case_centres, draw_centres
from hemosweep.sampling.regions import brain_center, lesion_border, negative_regions

__all__ = [
    "Centres",
    "PatchBank",
    "brain_center",
    "case_regions",
    "draw_case_centres",
    "draw_centres",
    "lesion_border",
    "negative_regions",
]
