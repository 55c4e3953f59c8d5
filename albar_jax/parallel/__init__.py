"""The mesh of devices, and how processes and devices exchange data."""
