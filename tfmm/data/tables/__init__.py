"""Tables of any format, as columns of cells."""

from tfmm.data.tables.cells import as_numbers, as_text, encode, objects, one_array
from tfmm.data.tables.errors import TableError
from tfmm.data.tables.read import TableRead, read_table

__all__ = [
    "TableError",
    "TableRead",
    "as_numbers",
    "as_text",
    "encode",
    "objects",
    "one_array",
    "read_table",
]
