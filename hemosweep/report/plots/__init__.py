"""Plots of scores and differences."""
