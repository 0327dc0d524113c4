"""Run as a script between fork and exec: drop privileges, tie the life to the parent, become the program.

A script of its own, because `preexec_fn` may deadlock in a parent with threads, and because the death signal
must be asked for after the change of user, which clears it. Arguments are one JSON object and the program's
argv; nothing outside the standard library is imported, so that starting costs milliseconds.
"""

import ctypes
import json
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 4
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522


def main() -> None:
    """Apply the options in `sys.argv[1]`, then exec `sys.argv[2:]`."""
    options = json.loads(sys.argv[1])
    argv = sys.argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    if options["uid"] is not None:
        if options["keep_search"]:
            # Without this access(2), by which PostgreSQL checks its programs, would ignore the right kept below.
            _prctl(libc, PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
        os.setgroups([])
        os.setgid(options["gid"])
        os.setuid(options["uid"])
        if options["keep_search"]:
            _keep_search(libc)
    if sys.platform == "linux":
        _prctl(libc, PR_SET_PDEATHSIG, options["death_signal"])
    if os.getppid() != options["parent"]:
        sys.exit(0)  # the parent died before the line above: there would be no signal
    try:
        os.execv(argv[0], argv)  # noqa: S606 - no shell is meant
    except OSError as error:
        sys.exit(f"{argv[0]} cannot be started: {error.strerror}")


def _prctl(libc: ctypes.CDLL, option: int, value: int, third: int = 0) -> None:
    if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(third), 0, 0) != 0:
        sys.exit(f"prctl({option}) failed: {os.strerror(ctypes.get_errno())}")


def _keep_search(libc: ctypes.CDLL) -> None:
    """Keep the right to walk through closed folders (a checkout below /root), and no other right of root."""
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()
    if libc.capget(header, held) != 0:
        sys.exit(f"capget failed: {os.strerror(ctypes.get_errno())}")
    # Containers often take CAP_DAC_READ_SEARCH away and leave CAP_DAC_OVERRIDE.
    wanted = CAP_DAC_READ_SEARCH if held[1] & (1 << CAP_DAC_READ_SEARCH) else CAP_DAC_OVERRIDE
    mask = 1 << wanted
    kept = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if libc.capset(header, kept) != 0:
        sys.exit(f"capset failed: {os.strerror(ctypes.get_errno())}")
    _prctl(libc, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, wanted)


if __name__ == "__main__":
    main()
