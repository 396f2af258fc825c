"""The benchmarks: figures as ratios within one run, printed with their goals.

Nothing here is a test, and no test asserts a time.
"""
