"""AlphaPulse: a research workbench for a multi-agent hedge fund."""
