"""Each piece of work timed beside its peer: `python -m benchmarks [row ...]`. A row is a function and a line in ROWS."""
