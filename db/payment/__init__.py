"""Payments: a row per attempt, a row per thing a provider said, and what they add up to.

Written by the payment role alone.
"""
