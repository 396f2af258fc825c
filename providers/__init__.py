"""The outside world behind small protocols: payment providers, mail, tokens, codes to scan.

Knows the rules, and no other floor.
"""
