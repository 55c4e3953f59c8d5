"""The report: page, tables, plots."""
