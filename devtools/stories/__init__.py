"""Stories for `./dev demo`: each plays one booking on the running stack, tells it, and verifies its claims.

Run by .venv's python with the settings of `.holdfast/env`. A story knows the product from outside only: its
API, its tables under the read-only role, and the sandbox's own books.
"""
