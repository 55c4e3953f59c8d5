"""Makes small valid files of every kind that the package reads.

Each `make_*` makes one folder per seed.
"""
