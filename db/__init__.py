"""The database: SQL, and only here.

Statements stand in a file per noun, tables in the same file of `schema/`. May be imported by activities and
api, imports the rules and nothing else of the house.
"""
