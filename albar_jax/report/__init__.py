"""Writes the report of results: tables, an HTML page, plots and results.json. Needs no JAX."""
