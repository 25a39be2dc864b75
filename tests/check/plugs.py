# SPDX-License-Identifier: BSD-3-Clause
"""plugs.py [C compiler launcher ...]: what it costs to plug something in.

A kind of corpus, a measure, a transformation and a verb are added to a copy of the tree: each is
one row in a table and one file of its own (a kind needs keys only where it has some). The copy is
built and each of the four does its work."""
