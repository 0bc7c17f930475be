"""Torch modules of the networks, one architecture a file; `hemosweep.model.networks` has their components."""
