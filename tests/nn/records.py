# SPDX-License-Identifier: BSD-3-Clause
"""Files of records that records.h writes."""
import math

import numpy as np


def read(path):
    """The records of a file of parity.c by name."""
    records = {}
    with open(path, "rb") as file:
        for line in file:
            name, kind, *dims = line.decode().split()
            dims = [int(n) for n in dims]
            size = math.prod(dims) * int(kind[1])
            records[name] = np.frombuffer(file.read(size), "<" + kind).reshape(dims)
    return records
