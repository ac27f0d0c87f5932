"""The report of a run: sections of numbers and pictures, laid out as one HTML file."""
