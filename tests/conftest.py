"""What tests run on: one PostgreSQL, one Temporal server, one sandbox and one browser for the whole run; for
each test a database, task queues and provider accounts of its own.
"""

pytest_plugins = (
    "tests.support.database",
    "tests.support.temporal",
    "tests.support.sandbox",
    "tests.support.browser",
    "tests.support.stack",
)
