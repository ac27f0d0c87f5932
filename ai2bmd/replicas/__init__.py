"""Several copies of a run: side by side in one process, in processes of one machine, or on many machines."""
