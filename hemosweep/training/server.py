"""Imported by the server that fold runs are forked from, as it starts, and by nothing else: importing it acts.

It brings in what the forked processes need: in each of them it would take seconds, half of them for what torch imports
with the first optimizer. And it ties the server to its driver, since multiprocessing lets a server outlive a driver
that dies while a child runs.
"""

import os

import torch._dynamo  # noqa: F401

import hemosweep.training.child  # noqa: F401
from hemosweep.processes import die_with_parent
from hemosweep.scores.catalogue import OWN_METRICS
from hemosweep.training.scoring import record_metric

die_with_parent(os.getppid())
for metric in OWN_METRICS:  # Their digests are those of the code that was just imported, whoever edits it later.
    record_metric(metric)
