"""Turning decisions into fills: costs, stops, the tape of a market, the simulated broker and its compiled kernel."""
