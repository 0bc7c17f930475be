"""Ablations and searches: the variables and the compared arms."""
