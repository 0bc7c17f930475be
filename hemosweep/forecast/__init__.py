"""Forecast of a sweep: time, memory and disk, from steps that were timed on this machine."""
