"""Makes small good files of every kind that the package reads. Each `make_*` fills a folder, one folder a seed."""
