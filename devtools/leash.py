"""Becomes another program that ends with its parent: `leash.py PARENT SIGNAL USER|- PROGRAM [ARGUMENT…]`.

Run as a script, so that no code of ours runs between fork and exec of a process that has threads. On Linux
the kernel sends SIGNAL once the parent dies; elsewhere the program runs on, and `./dev down` finds it by pid
and start time.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Drop root if asked, tie this process to its parent and become the program."""
    parent, number, user, *program = sys.argv[1:]
    if user != "-":
        account = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    if sys.platform == "linux":  # after setuid, which clears it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))
    if os.getppid() != int(parent):  # died in between
        sys.exit(1)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
