"""Training of potentials: data, batches, losses, the loop, checkpoints, evaluation."""
