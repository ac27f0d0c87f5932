"""Chemistry of cutting: topology to plan, positions to capped fragments, and their signed sum."""
