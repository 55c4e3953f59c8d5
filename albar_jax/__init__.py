"""Debiased video action recognition in JAX: train on motion, measure bias by scenery and clothes."""

import sys

from albar_jax.terminal import early
from albar_jax.terminal import last as last

# Python imports this package before the module that `-m` names. Other programs keep their own Ctrl-C.
if early.is_program(sys.argv[0] if sys.argv else "", sys.orig_argv):
    early.end_at_once()
