"""Report: figures, tables and tear sheets as pure functions of results."""
