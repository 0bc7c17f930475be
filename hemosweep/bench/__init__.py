"""Benchmarks: what a training, its data path, its inference and its scores cost here, beside what others take."""
