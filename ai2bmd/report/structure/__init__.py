"""Sections on structure, from the results of `ai2bmd.analysis`: of runs of this program and of others."""
