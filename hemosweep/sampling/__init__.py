"""Patches: their regions, centres, and the gather on the training device."""
