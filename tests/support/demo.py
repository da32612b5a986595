#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""The main job once, for ./quickstart, inside the sandbox: a throw-away user enrols a phone
with totp-enroll and logs in over a real sshd with password and code.

demo.py ask     the person at the terminal is the user and has an authenticator app
demo.py auto    oathtool plays the phone, reading the QR code with zbarimg
"""

import os
import subprocess
import sys

import pexpect

import host

USER = "demo"
SERVICE = "totp-demo"
WELCOME = "You are logged in: password and code were right."


def as_user(*command):
    """A command line that runs as the user, with an environment of the user's own."""
    return ["runuser", "--login", USER, "--whitelist-environment=TERM,LANG,LC_ALL", "-c",
            " ".join(command)]


def enrol_by_hand(password):
    print(f"""
You are now the user "{USER}" of a machine that exists for this demonstration only.
The account's password is   {password}
Have your authenticator app ready (Google Authenticator, Aegis, 2FAS, 1Password ...).
""")
    return subprocess.call(as_user("totp-enroll")) == 0


def login_by_hand(sshd, password):
    print(f"""
Now log in over ssh with a third code, when your app shows it. The password again is
   {password}
""", flush=True)
    return subprocess.call([*sshd.client(USER), "echo", f"'{WELCOME}'"]) == 0


def enrol_automatically(password):
    picture = "/var/lib/home/demo/phone.png"
    child = pexpect.spawn(*split(as_user("totp-enroll", "add", "phone", "--qr-file", picture)),
                          encoding="utf-8", timeout=90, dimensions=(40, 80))
    child.logfile_read = sys.stdout
    child.expect(host.PASSWORD)
    child.sendline(password)
    child.expect("Code 1")
    phone = host.Phone.from_qr(picture)
    os.unlink(picture)
    phone.settle()
    child.sendline(phone.code())
    child.expect("Code 2")
    phone.wait_next()
    child.sendline(phone.code())
    while child.expect(["Type ok", pexpect.EOF]) == 0:
        child.sendline("ok")
    child.close()
    return phone if child.exitstatus == 0 else None


def login_automatically(sshd, password, phone):
    print("\n--- ssh with the third code: the two of the enrolment are used up\n", flush=True)
    phone.wait_next()
    done = host.login(sshd.client(USER), {host.PASSWORD: [password],
                                          host.CODE: [phone.code]}, mark="logged-in",
                      echo=sys.stdout)
    return done.got_in


def split(command):
    return command[0], command[1:]


def main():
    how = sys.argv[1] if len(sys.argv) == 2 else ""
    if how not in ("ask", "auto"):
        print(__doc__, file=sys.stderr)
        return 2
    password = host.add_user(USER)
    host.install_service("sshd-totp", SERVICE)
    sshd = host.Sshd(SERVICE, "50-totp-password.conf").start()
    try:
        if how == "ask":
            is_done = enrol_by_hand(password) and login_by_hand(sshd, password)
        else:
            phone = enrol_automatically(password)
            is_done = phone is not None and login_automatically(sshd, password, phone)
    finally:
        sshd.stop()
    if not is_done:
        print(f"\nsshd's log:\n{sshd.read_log()}", file=sys.stderr)
    return 0 if is_done else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
