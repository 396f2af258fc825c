"""What operators see: logs, traces and metrics. Beside the house: it imports nothing of it.

Everybody may use it but the rules and the sagas: a saga is run again and again, and would tell all of it
anew.
"""
