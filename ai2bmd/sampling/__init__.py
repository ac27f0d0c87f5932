"""Enhanced sampling: collective variables, and the methods of OpenMM that are guided by them or by temperatures."""
