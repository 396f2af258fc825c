"""The rules: values in, values out.

No I/O, no clock, no chance, no framework but Pydantic; everybody may import it.
"""
