"""Turning decisions into fills: costs, the tape of a market, and the simulated broker with its compiled kernel."""
