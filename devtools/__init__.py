"""The parts of `./dev`: everything here that runs before `.venv` exists needs the standard library alone.

Nothing of the product imports this folder; the tests borrow `postgres` and `temporal` to start the same
real servers.
"""
