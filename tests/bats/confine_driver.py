"""Lets a process make a system call and tells what came of it: confine_driver.py PID NUMBER [ARGUMENT…].

Prints the result, or the signal that ended the process.  The process then goes on as if nothing had been.
"""
import ctypes
import os
import signal
import sys

WORDS, sys.argv = sys.argv[1:], [sys.argv[0], "", "", ""]  # which log_peer takes for its own

from log_peer import DETACH, GET_REGISTERS, SET_REGISTERS, Registers, hold, ptrace

STEP = 9
RESTARTS = range(-516, -511)  # as the kernel tells itself that a call is to be made again


def signed(number):
    return ctypes.c_longlong(number).value


def call(pid, number, *args):
    before, now = Registers(), Registers()
    hold(pid)
    ptrace(GET_REGISTERS, pid, ctypes.byref(before))
    ptrace(GET_REGISTERS, pid, ctypes.byref(now))
    now.rip -= 2  # the instruction that brought it there
    now.orig_rax = ctypes.c_ulonglong(-1).value
    now.rax = number
    for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), args):
        setattr(now, name, ctypes.c_ulonglong(value).value)
    ptrace(SET_REGISTERS, pid, ctypes.byref(now))
    ptrace(STEP, pid)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    ptrace(GET_REGISTERS, pid, ctypes.byref(now))
    if signed(before.rax) in RESTARTS:
        before.rax = before.orig_rax
        before.rip -= 2
    before.orig_rax = ctypes.c_ulonglong(-1).value
    ptrace(SET_REGISTERS, pid, ctypes.byref(before))
    ptrace(DETACH, pid)
    return signed(now.rax)


print(call(int(WORDS[0]), *(int(word, 0) for word in WORDS[1:])))
