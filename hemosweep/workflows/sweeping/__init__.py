"""Steps of `hemosweep sweep`: from the options of a user to tables and verdicts."""
