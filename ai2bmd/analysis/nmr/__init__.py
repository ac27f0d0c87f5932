"""What nuclear magnetic resonance would measure of a trajectory, and how that compares with what it has measured."""
