"""The vocabulary: market data, panels, decisions, the book, ports, errors and shared estimators."""
