"""Figures that the paper prints, and its verdicts."""
