"""Drivers of the one path through recorded history, and what they return."""
