#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""Who is asked for a code at a real sshd: grace days, groups of the real group database,
their sections in the settings, and groups that are not there.

A daemon a setting, each under a service name of its own, as in ssh.py.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import host
import suite
from host import CODE, PASSWORD, login

SETTINGS = """\
unenrolled = deny
[group lenient]
unenrolled = skip
[service sshd-grace]
unenrolled = grace
grace_days = 2
[service sshd-groups]
groups = strict, staffed
[service sshd-typo]
groups = strikt
[service sshd-enroll]
unenrolled = enroll
"""
SERVICES = ("sshd-grace", "sshd-groups", "sshd-typo", "sshd-enroll", "sshd-totp")
SSHD = {}


def prepare():
    for group in ("lenient", "strict", "staffed"):
        host.run("groupadd", group)
    with open(host.SETTINGS, "w", encoding="ascii") as file:
        file.write(SETTINGS)
    for service in SERVICES:
        host.install_service("sshd-totp", service)
        SSHD[service] = host.Sshd(service, "50-totp-password.conf").start()
    # Any loading makes the store; somebody has to have a record.
    host.add_user("first")
    host.add_device("first")
    return list(SSHD.values())


def ssh(user, password, service, code="314159"):
    return login(SSHD[service].client(user), {PASSWORD: [password], CODE: [code]})


def log(user, service):
    return "\n".join(suite.LOG.module(service, f"user={user}"))


def grace(s):
    password = host.add_user("gil")
    for number in (1, 2):
        done = ssh("gil", password, "sshd-grace")
        s.check(f"grace: login {number} gets in with the password", done.got_in, done)
        s.equal(f"grace: login {number} is not asked for a code", done.prompts, [PASSWORD])
        s.check(f"grace: login {number} is told the days that are left",
                "No MFA device is assigned to gil. You have 2 days left" in
                " ".join(done.transcript.split()), done)
    lines = log("gil", "sshd-grace").split("\n")
    s.equal("grace: a line a login", len(lines), 2)
    s.matches("grace: log line", lines[0],
              r"event=skip reason=grace user=gil service=sshd-grace rhost=127\.0\.0\.1 tty=ssh "
              r"device=- fails=0 wait=0 until=\d{4}-\d\d-\d\d")
    done = ssh("gil", password, "sshd-totp")
    s.check("grace of one service lets nobody in at another", not done.got_in, done)

    phone = host.add_device("gil")
    done = ssh("gil", password, "sshd-grace", phone.wrong())
    s.check("grace: a user who has enrolled needs the code", not done.got_in, done)
    done = ssh("gil", password, "sshd-grace", phone.fresh)
    s.check("grace: and gets in with it", done.got_in, done)


def groups(s):
    member = host.add_user("mia", groups=("strict",))
    done = ssh("mia", member, "sshd-groups")
    s.check("groups: a member without a device is denied", not done.got_in, done)
    s.equal("groups: and asked like everybody", done.prompts, [PASSWORD, CODE])

    primary = host.add_user("pia")
    host.run("usermod", "--gid", "staffed", "pia")
    done = ssh("pia", primary, "sshd-groups")
    s.check("groups: a primary group counts", not done.got_in, done)

    other = host.add_user("olga")
    done = ssh("olga", other, "sshd-groups")
    s.check("groups: who is in none gets in", done.got_in, done)
    s.equal("groups: without a question", done.prompts, [PASSWORD])
    s.matches("groups: log line", log("olga", "sshd-groups"),
              r"event=skip reason=not-in-groups user=olga service=sshd-groups .*")
    phone = host.add_device("olga")
    done = ssh("olga", other, "sshd-groups")
    s.check("groups: who has enrolled is asked all the same", not done.got_in, done)
    done = ssh("olga", other, "sshd-groups", phone.fresh)
    s.check("groups: and gets in with the code", done.got_in, done)

    done = ssh("olga", other, "sshd-typo")
    s.check("groups: one that is not there lets nobody in", not done.got_in, done)
    s.check("groups: the log says which",
            "reason=settings" in log("olga", "sshd-typo") and
            "%22strikt%22" in log("olga", "sshd-typo"), log("olga", "sshd-typo"))


def sections(s):
    lenient = host.add_user("lea", groups=("lenient",))
    done = ssh("lea", lenient, "sshd-totp")
    s.check("a group's section: its member gets in", done.got_in, done)
    other = host.add_user("otto")
    done = ssh("otto", other, "sshd-totp")
    s.check("a group's section: nobody else does", not done.got_in, done)
    done = ssh("lea", lenient, "sshd-enroll")
    s.check("a service's section wins over a group's; enroll without its module is deny",
            not done.got_in, done)
    s.equal("enroll without its module asks as deny does", done.prompts, [PASSWORD, CODE])
    s.matches("enroll without its module: log line", log("lea", "sshd-enroll"),
              r"event=deny reason=unenrolled user=lea .*")


suite.main(__file__, [grace, groups, sections], prepare)
