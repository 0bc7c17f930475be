"""The ablations, one file each (`hemosweep.ablation.catalogue` finds them), and the two profiles."""
