"""FLOPs of a compiled program. XLA counts one turn of a loop; here are those of all turns."""

import math
from collections.abc import Iterator

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn


def flops(traced: jax.stages.Traced, compiled: jax.stages.Compiled) -> float:
    """FLOPs on one device, 0 where XLA does not tell; `compiled` is what `traced` was compiled to.

    XLA's count times the matrix products of all turns over those of one, which is exact if all is in one loop (as with
    `config.train.parts`) and else supposes that a loop has its share of the other work.
    """
    counted = float((compiled.cost_analysis() or {}).get("flops", 0.0))
    once = _products(traced.jaxpr, all_turns=False)
    return counted * _products(traced.jaxpr, all_turns=True) / once if once else counted


def _products(jaxpr: Jaxpr | ClosedJaxpr, *, all_turns: bool) -> int:
    """Multiplications in matrix products and convolutions."""
    total = 0
    for equation in (jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr).eqns:
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
            return size(equation.outvars[0]) * math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
        case "conv_general_dilated":
            kernel, out_axis = equation.invars[1], equation.params["dimension_numbers"].rhs_spec[0]
            # Between the entries of a dilated input are zeros, which nobody multiplies.
            zeros = math.prod(equation.params["lhs_dilation"])
            return size(equation.outvars[0]) * size(kernel) // kernel.aval.shape[out_axis] // zeros
    return 0
