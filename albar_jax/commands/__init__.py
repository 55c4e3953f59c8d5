"""The sub-commands of `albar`, one file each: arguments, and a call. See `albar_jax.cli`.

The docstring of a module is the description in `--help`. Each module has `EXAMPLE`, an example;
`add_arguments`, which adds the options; and `bind`, which checks the options and returns the function
that runs the command. JAX takes seconds to import, so `bind` imports what needs it.
"""
