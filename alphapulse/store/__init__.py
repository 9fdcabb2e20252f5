"""Stored runs: a folder each, written whole or not at all."""
