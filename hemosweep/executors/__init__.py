"""Places where fold runs are trained: this machine, a Dask cluster, SLURM jobs."""
