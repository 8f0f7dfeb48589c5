"""Holds one thread of a process still, by ptrace, until standard input ends: the process goes on to beat, and is stuck.
hold_thread.py PID: the thread that has computed most. Prints "held" when it stands. Exit code 77: not allowed here."""
import ctypes
import os
import sys

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 17, 0x4206, 0x4207, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ticks(pid, thread):
    with open(f"/proc/{pid}/task/{thread}/stat") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[11])


pid = int(sys.argv[1])
thread = max((int(t) for t in os.listdir(f"/proc/{pid}/task")), key=lambda t: ticks(pid, t))
if libc.ptrace(PTRACE_SEIZE, thread, None, None):
    print("ptrace:", os.strerror(ctypes.get_errno()))
    sys.exit(77)
libc.ptrace(PTRACE_INTERRUPT, thread, None, None)
os.waitpid(thread, WALL)
print("held", flush=True)
sys.stdin.read()
libc.ptrace(PTRACE_DETACH, thread, None, None)
