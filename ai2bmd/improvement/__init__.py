"""The loop of active learning: sample, choose, label, fine-tune, evaluate, and again with the better model."""
