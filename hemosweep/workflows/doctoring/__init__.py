"""Subjects of `hemosweep doctor`: packages, the machine, folders, and other programs."""
