"""Lesion probability of a whole scan, by one network or by the networks of an arm."""
