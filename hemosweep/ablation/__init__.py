"""Ablations and searches: what they vary, and which arms they compare."""
