"""Findings about odd slices of a scan, which come before those about its brain mask and explain some of them."""

from hemosweep.data.odd_slices import OddSlices
from hemosweep.preprocessing.mask_findings import MaskFinding, MaskMeasures, mask_findings

ADVICE = "scan or export the series again, or cut them off; the brain mask goes on beyond them"
EXPLAINED = ("head-cut-off", "mask-volume", "mask-holes", "mask-pieces")
"""Findings that a gap in the head makes, and which would mislead."""


def scan_findings(slices: OddSlices, measures: MaskMeasures) -> tuple[MaskFinding, ...]:
    """Return what somebody should look at, odd slices first; then nothing is said of what they explain."""
    odd = tuple(MaskFinding(kind="odd-slices", text=text, advice=ADVICE) for text in slices.texts)
    return odd + tuple(finding for finding in mask_findings(measures) if not odd or finding.kind not in EXPLAINED)


def explained_fault(fault: str, slices: OddSlices) -> str:
    """Return what a scan shows that is no head, odd slices first: the true trouble may be these."""
    return "; ".join((*slices.texts, fault))
