"""What `hemosweep doctor` looks at: packages, the machine, folders, and other programs."""
