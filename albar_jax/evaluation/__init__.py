"""Predictions, metrics, suites of test sets, tables and the report: numpy only."""
