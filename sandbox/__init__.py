"""The outside world, played: payment and mail providers as one local process with books of its own.

Imports nothing of the house, because in tests it is the judge; the house reaches it over HTTP alone.
"""
