"""`prefetch(array, index)`: ask the memory for the line of array[index] before it is needed.

The hardware guesses the streams of a sparse product badly: asked for by hand some hundred entries ahead, they arrive
twice as fast. An index beyond the end is allowed: a prefetch never faults and changes nothing. In plain Python it does
nothing.

Used by the kernels on sparse rows, on stencils and on grids.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, type_callable


def prefetch(array, index):
    """Read access to array[index], a contiguous one-dimensional array, is coming."""


@type_callable(prefetch)
def _type_of_prefetch(context):
    def typer(array, index):
        if isinstance(array, types.Array) and isinstance(index, types.Integer):
            return types.none

    return typer


@lower_builtin(prefetch, types.Array, types.Integer)
def _lower_prefetch(context, builder, signature, arguments):
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), [byte, word, word, word]), "llvm.prefetch.p0"
    )
    address = builder.bitcast(builder.gep(array.data, [arguments[1]]), byte)
    read, keep, data = word(0), word(3), word(1)
    builder.call(function, [address, read, keep, data])
    return context.get_dummy_value()
