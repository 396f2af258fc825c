"""The tables, one noun per file: storage and its constraints, read by migrations and by people.

Nothing at run time imports this: statements are plain SQL, so neither door loads an ORM.
"""
