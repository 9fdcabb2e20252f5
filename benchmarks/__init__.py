"""Work timed beside its peers: `python -m benchmarks [row ...]`. A row is a function and a line in ROWS."""
