#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""A program that asks PAM without being root, as a screen locker does: run as its user, with
what it is to do as JSON in the argument, and one answer a line on standard input. Prints JSON.

  service, user    of pam_start
  logins           how many in this process, each with the answers that are left
  threads          that many at once, each with its own handle
  phase            "auth" (default) or "account"
  sigchld          "default", "ignore", "reap" (a handler that takes every child) or "block"
  no_new_privs     as NoNewPrivileges= of systemd
  closed           descriptors of its own that it closes first
"""

import ctypes
import json
import os
import signal
import sys
import threading

PROMPTS = (1, 2)


class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("code", ctypes.c_int)]


TALK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.POINTER(Message)),
                        ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)
DELAY = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)


class Conversation(ctypes.Structure):
    _fields_ = [("talk", TALK), ("data", ctypes.c_void_p)]


libc = ctypes.CDLL(None, use_errno=True)
libpam = ctypes.CDLL("libpam.so.0")
libc.calloc.restype = ctypes.c_void_p
libc.strdup.restype = ctypes.c_void_p
for name in ("pam_authenticate", "pam_acct_mgmt", "pam_end"):
    getattr(libpam, name).argtypes = [ctypes.c_void_p, ctypes.c_int]
libpam.pam_set_item.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
PAM_FAIL_DELAY = 10

shown, answers = [], []


def converse(count, messages, replies, _):
    out = libc.calloc(count, ctypes.sizeof(Response))
    slots = ctypes.cast(out, ctypes.POINTER(Response))
    for i in range(count):
        message = messages[i].contents
        shown.append([message.style, message.text.decode("utf-8", "replace")])
        if message.style in PROMPTS:
            if not answers:
                return 19  # PAM_CONV_ERR
            slots[i].text = libc.strdup(answers.pop(0).encode())
    replies[0] = out
    return 0


CONVERSE = TALK(converse)
NO_DELAY = DELAY(lambda *_: None)


def login(order):
    conversation = Conversation(CONVERSE, None)
    handle = ctypes.c_void_p()
    code = libpam.pam_start(order["service"].encode(), order["user"].encode(),
                            ctypes.byref(conversation), ctypes.byref(handle))
    if code == 0:
        libpam.pam_set_item(handle, PAM_FAIL_DELAY, ctypes.cast(NO_DELAY, ctypes.c_void_p))
        libpam.pam_set_item(handle, 3, b"tty9")
        account = order.get("phase") == "account"
        code = (libpam.pam_acct_mgmt if account else libpam.pam_authenticate)(handle, 0)
        libpam.pam_end(handle, code)
    return code


def process():
    """What a guest must leave as it was."""
    with open("/proc/self/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    return {"fds": sorted(os.listdir("/proc/self/fd")), "umask": status["Umask"],
            # Not 32 and 33, which are the C library's own for its threads.
            **{key: f"{int(status[key], 16) & ~(3 << 31):x}"
               for key in ("SigBlk", "SigIgn", "SigCgt")}}


def children():
    with open("/proc/self/task/%d/children" % os.getpid(), encoding="ascii") as file:
        return file.read().split()


def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass
    except ChildProcessError:
        pass


def main():
    order = json.loads(sys.argv[1])
    answers.extend(sys.stdin.read().splitlines())
    out = os.dup(1)
    for fd in order.get("closed", ()):
        os.close(fd)
    if order.get("sigchld") == "ignore":
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    elif order.get("sigchld") == "reap":
        signal.signal(signal.SIGCHLD, reap)
    elif order.get("sigchld") == "block":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    if order.get("no_new_privs"):
        libc.prctl(38, 1, 0, 0, 0)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python ignores
    before = process()
    codes = [login(order)]
    threads = [threading.Thread(target=lambda: codes.append(login(order)))
               for _ in range(order.get("threads", 0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    warm = process()
    codes += [login(order) for _ in range(order.get("logins", 1) - 1)]
    reap() if order.get("sigchld") == "reap" else None
    result = {"codes": codes, "shown": shown, "before": before, "warm": warm,
              "after": process(), "children": children(), "left": len(answers)}
    os.write(out, json.dumps(result).encode())


main()
