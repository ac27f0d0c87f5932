"""What a run shows: small analyses, each giving numbers and sections of the report."""
