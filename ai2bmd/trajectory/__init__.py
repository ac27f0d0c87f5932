"""Trajectories on disk: H5MD 1.1, written so that a killed process or a full disk costs no earlier frame."""
