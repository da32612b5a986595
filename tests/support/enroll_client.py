# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""What the tests of totp-enroll share: ordinary users who start it, on a terminal or as a
program, with oathtool as the phone. Run inside helper_client.run.
"""

import json
import os
import re
import subprocess
import time

import host
from helper_client import PASSWORD, equal, uid_of
from terminal import Terminal

PROGRAM = "/usr/local/bin/totp-enroll"
FOLDER = "/run/enroll"
NEXT = "Open a second terminal and test a login before you close this one."


def command(user, *words):
    uid = str(uid_of(user))
    return ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", PROGRAM, *words)


def prepare():
    """pexpect needs pseudo-terminals in the /dev that helper_client makes."""
    os.mkdir("/dev/pts")
    subprocess.run(["mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=0620",
                    "devpts", "/dev/pts"], check=True)
    os.symlink("pts/ptmx", "/dev/ptmx")
    os.mkdir(FOLDER)
    os.chmod(FOLDER, 0o1777)


def batch(user, *words, text="", **more):
    """Without a terminal. (exit status, output, errors)"""
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    done = subprocess.run(command(user, *words), input=text, capture_output=True, text=True,
                          env=env, check=False, timeout=60, **more)
    return done.returncode, done.stdout, done.stderr


def key_on(terminal):
    """The key in groups of four on the screen."""
    found = re.findall(r"^(?:[A-Z2-7]{4} ?)+$", terminal.text(), re.MULTILINE)
    key = "".join(found).replace(" ", "")
    equal(len(key), 32, "length of the key")
    return key


def to_secret(user, *words, **more):
    """A wizard that shows the secret and waits for the first code."""
    t = Terminal(command(user, "add", "phone", *words), **more)
    t.wait("Password:")
    t.type(PASSWORD % user + "\r")
    t.wait("Code 1: ")
    return t


def phone_of(key):
    phone = host.Phone(f"otpauth://totp/x?secret={key}")
    phone.settle()
    return phone


def confirm(t, phone, is_first=True):
    """Both codes. Returns the screen with the recovery codes of a first device."""
    phone.settle()
    now = time.time()
    t.type(phone.code_at(now) + "\r")
    t.wait("Code 2: ")
    t.type(phone.code_at(now + phone.period) + "\r")
    shown = t.save_recovery() if is_first else ""
    t.wait("before you close this one.")
    equal(t.finish(), 0, "exit status")
    return shown


def devices(user):
    code, out, _ = batch(user, "list", "--json")
    equal(code, 0, "list")
    return {d["name"]: d for d in json.loads(out)["devices"]}
