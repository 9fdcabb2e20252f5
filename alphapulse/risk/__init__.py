"""Risk: estimates, measures of results, sizing of targets, and limits that have the last word."""
