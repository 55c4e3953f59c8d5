"""Counts the FLOPs of a compiled program.

XLA counts one iteration of a loop and no call of cuBLAS. This module counts all iterations and all
matrix products.
"""

import math
from collections.abc import Iterator
from typing import cast

import jax
from jax.core import ShapedArray
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var


def flops(traced: jax.stages.Traced, compiled: jax.stages.Compiled) -> float:
    """Returns the FLOPs of a program on one device.

    It adds the matrix products of the further iterations of each `scan` to XLA's count. The other
    operations of these iterations, a few percent, are left out. XLA's count is unusable on GPUs,
    where it lacks the products that cuBLAS computes. Then the traced products replace it, also
    those that XLA has removed. All branches of a `cond` count.

    Args:
      traced: the traced program.
      compiled: the program that was compiled from `traced`.
    """
    xla_count = float((compiled.cost_analysis() or {}).get("flops", 0.0))
    # A multiplication and an addition are two FLOPs.
    one_iteration, all_iterations = (2 * count for count in _multiplications(traced.jaxpr))

    # XLA removes less than half of the traced products. A smaller count lacks cuBLAS.
    base = xla_count
    if xla_count <= one_iteration / 2:
        base = one_iteration

    return base + all_iterations - one_iteration


def matrix_flops(traced: jax.stages.Traced) -> float:
    """Returns the FLOPs of the matrix products and convolutions of a program that is not compiled.

    Counts all iterations of each `scan`, and all branches of a `cond`. The compiler removes some
    products, and adds the other operations, in all a few percent.

    Args:
      traced: the traced program.
    """
    _, all_iterations = _multiplications(traced.jaxpr)

    # A multiplication and an addition are two FLOPs.
    return 2.0 * all_iterations


def _multiplications(jaxpr: Jaxpr | ClosedJaxpr) -> tuple[int, int]:
    """Returns the number of multiplications in matrix products and convolutions.

    Args:
      jaxpr: program; the programs inside its equations count, too.

    Returns:
      The number with one iteration of each `scan`, and the number with all iterations.
    """
    one_iteration = 0
    all_iterations = 0
    for equation in jaxpr.eqns:
        own = _multiplications_of(equation)
        one_iteration += own
        all_iterations += own

        is_scan = equation.primitive.name == "scan"
        length = equation.params["length"] if is_scan else 1
        for inner in _inner_programs(equation):
            inner_one, inner_all = _multiplications(inner)
            one_iteration += inner_one
            all_iterations += length * inner_all

    return one_iteration, all_iterations


def _inner_programs(equation: JaxprEqn) -> Iterator[Jaxpr | ClosedJaxpr]:
    """Yields the programs in the parameters of an equation, such as the body of a `scan`."""
    leaves = jax.tree.leaves(list(equation.params.values()), is_leaf=_is_program)

    return filter(_is_program, leaves)


def _is_program(value: object) -> bool:
    return isinstance(value, Jaxpr | ClosedJaxpr)


def _multiplications_of(equation: JaxprEqn) -> int:
    """Returns the multiplications of one equation, without inner programs."""
    match equation.primitive.name:
        case "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = _shape(equation.invars[0])
            per_output = math.prod(shape[axis] for axis in contracted)
            return _size(equation.outvars[0]) * per_output

        case "conv_general_dilated":
            kernel = equation.invars[1]
            out_axis = equation.params["dimension_numbers"].rhs_spec[0]
            # A dilated input has zeros between its elements; products with zeros do not count.
            dilation = math.prod(equation.params["lhs_dilation"])
            products = _size(equation.outvars[0]) * _size(kernel)
            return products // _shape(kernel)[out_axis] // dilation

    return 0


def _size(operand: Var | Literal) -> int:
    return math.prod(_shape(operand))


def _shape(operand: Var | Literal) -> tuple[int, ...]:
    # The operands and results of matrix products are arrays.
    return cast(ShapedArray, operand.aval).shape
