"""Benchmarks of training, data path, inference and scores on this machine, beside other implementations."""
