"""What operators see and do: the inbox, cases, runs that wait for a person. Every act is in the audit.

An operator works for one tenant; the platform's own people also see what reached the platform's accounts at
providers and belongs to no tenant yet.
"""
