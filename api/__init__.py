"""The front door over HTTP: translate, ask, answer; no rule and no SQL lives here.

Each noun's routes stand beside its request and answer shapes. Nobody imports this folder but the server that
runs `api.app`.
"""
