"""Makes small valid files of every kind that the package reads; each `make_*` makes one folder per seed."""
