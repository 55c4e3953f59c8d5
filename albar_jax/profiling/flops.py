"""FLOPs of a compiled program. XLA counts one turn of a loop and no call of cuBLAS; here they are all counted."""

import math
from collections.abc import Iterator

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn


def flops(traced: jax.stages.Traced, compiled: jax.stages.Compiled) -> float:
    """FLOPs on one device; `compiled` is what `traced` was compiled to.

    XLA's count, and the matrix products of the further turns of each `scan`: what else these do, a few per cent, is
    left out. On a GPU, where XLA does not count the products that it leaves to cuBLAS, and where it counts nothing, all
    the products that were traced, with those that XLA finds superfluous. Of a `cond` all branches count.
    """
    counted = float((compiled.cost_analysis() or {}).get("flops", 0.0))
    once, every = (2 * _products(traced.jaxpr, all_turns=all_turns) for all_turns in (False, True))
    of_one_turn = counted if counted > once / 2 else once  # XLA drops less than half
    return of_one_turn + every - once


def _products(jaxpr: Jaxpr | ClosedJaxpr, *, all_turns: bool) -> int:
    """Multiplications in matrix products and convolutions."""
    total = 0
    for equation in jaxpr.eqns:
        turns = equation.params["length"] if equation.primitive.name == "scan" and all_turns else 1
        inner = sum(_products(each, all_turns=all_turns) for each in _within(equation))
        total += turns * inner + _multiplications(equation)
    return total


def _within(equation: JaxprEqn) -> Iterator[Jaxpr | ClosedJaxpr]:
    is_jaxpr = lambda value: isinstance(value, Jaxpr | ClosedJaxpr)  # noqa: E731
    return filter(is_jaxpr, jax.tree.leaves(list(equation.params.values()), is_leaf=is_jaxpr))


def _multiplications(equation: JaxprEqn) -> int:
    size = lambda variable: math.prod(variable.aval.shape)  # noqa: E731
    match equation.primitive.name:
        case "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            return size(equation.outvars[0]) * math.prod(
                equation.invars[0].aval.shape[axis] for axis in contracted
            )
        case "conv_general_dilated":
            kernel, out_axis = equation.invars[1], equation.params["dimension_numbers"].rhs_spec[0]
            # Between the entries of a dilated input are zeros, which nobody multiplies.
            zeros = math.prod(equation.params["lhs_dilation"])
            return size(equation.outvars[0]) * size(kernel) // kernel.aval.shape[out_axis] // zeros
    return 0
