"""Upkeep of an output folder: status, deletion of what nothing needs, a fresh start."""
