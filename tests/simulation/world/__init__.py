"""The model world: rows in memory, and every step of the sagas done on them as the real activities do it.

One file per noun, as in `activities/`; a method whose name is a declared step is that step, so adding a step
is adding a method. Which state may be left for which is not modelled but read: from `domain.booking` and from
the guards of the real statements.
"""
