#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""README's page for the day when nobody can log in: each of its commands, taken from the
page as it stands ("```sh NAME"), is run as root and has the effect that the page promises,
seen through a real sshd whose service is /etc/pam.d/sshd. The name alice is another user's
in each story, and /root is a folder of the sandbox; journalctl is given a journal.

The stories run one after the other: they share the store and the service.
"""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import host
import suite
from host import CODE, PASSWORD, login

STORE = "/var/lib/pam_totp"
SSHD = {}
BLOCKS = {}
RUN = set()


def read_page():
    with open(f"{host.TOP}/README.md", encoding="utf-8") as file:
        page = file.read()
    for name, text in re.findall(r"^```sh (\w+)\n(.*?)^```$", page, re.M | re.S):
        if name in BLOCKS:
            raise RuntimeError(f"README has two blocks {name}")
        BLOCKS[name] = text


def prepare():
    read_page()
    # One after the other: what is broken here is broken for all.
    suite.AT_ONCE = 1
    host.install_service("sshd-totp", "sshd")
    shutil.copy(f"{host.TOP}/examples/sshd_config.d/50-totp-password.conf",
                "/etc/ssh/sshd_config.d/")
    SSHD["sshd"] = host.Sshd("sshd", "50-totp-password.conf").start()
    return list(SSHD.values())


def do(name, user):
    """Run the block of that name for that user, as an administrator would paste it."""
    RUN.add(name)
    done = subprocess.run(["bash", "-e", "-c", BLOCKS[name].replace("alice", user)
                           .replace("/root/", f"{host.HOME}/")],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    return done


def ssh(user, password, codes):
    return login(SSHD["sshd"].client(user), {PASSWORD: [password], CODE: list(codes)})


def user_with_phone(name):
    return host.add_user(name), host.add_device(name, period=15)


def gets_in_soon(user, password, phone):
    """Codes up to the widest window from now are used: the first after that one. The one
    after the present is taken too, and shortens the wait."""
    for _ in range(3):
        phone.wait_next()
    return ssh(user, password, [lambda: phone.fresh(1)]).got_in


def check_well(s, name, done):
    s.check(f"{name}: the commands end well", done.returncode == 0, done)


def why(s):
    password, phone = user_with_phone("wanda")
    s.check("why: a wrong code is refused", not ssh("wanda", password, [phone.wrong()]).got_in)
    with open("/run/journal", "w", encoding="utf-8") as file:
        suite.LOG.settle()
        file.write("\n".join(suite.LOG.lines) + "\n")
    # journalctl's -g is a pattern of Perl's kind, as grep -P.
    with open("/usr/local/bin/journalctl", "w", encoding="ascii") as file:
        file.write('#!/bin/sh\n[ "$1 $3" = "-g -n" ] || exit 2\n'
                   'grep -P -- "$2" /run/journal | tail -n "$4"\n')
    os.chmod("/usr/local/bin/journalctl", 0o755)
    done = do("why", "wanda")
    check_well(s, "why", done)
    s.check("why: the log tells the reason", "event=deny reason=wrong user=wanda " in
            done.stdout, done.stdout)
    s.check("why: doctor tells what will happen", re.search(
        r"^OK +wanda at sshd: asked for a code of phone$", done.stdout, re.M), done.stdout)


def bypass(s):
    password, _ = user_with_phone("beth")
    done = do("bypass", "beth")
    check_well(s, "bypass", done)
    code = done.stdout.strip().split("\n")[0].split(" ")[-1]
    s.check("bypass: it prints a code", re.fullmatch(r"[a-zA-Z0-9-]{8,}", code), done.stdout)
    s.check("bypass: it lets in", ssh("beth", password, [code]).got_in)
    again = ssh("beth", password, [code])
    s.check("bypass: once", not again.got_in, again)


def reset(s):
    password, phone = user_with_phone("rita")
    check_well(s, "reset", do("reset", "rita"))
    done = ssh("rita", password, [phone.fresh])
    s.check("reset: the lost phone opens nothing any more", not done.got_in, done)
    found = host.run("totp-admin", "list", check=False)
    s.check("reset: there is no device left", re.search(r"^rita +- +- +no device", found, re.M),
            found)


def exempt(s):
    password, _ = user_with_phone("emma")
    check_well(s, "exempt", do("exempt", "emma"))
    done = ssh("emma", password, [])
    s.check("exempt: no code is asked for", done.got_in and done.prompts == [PASSWORD], done)


def unlock(s):
    password, phone = user_with_phone("uma")
    with open(host.SETTINGS, "w", encoding="ascii") as file:
        file.write("lock_after = 1\n")
    for _ in range(2):
        ssh("uma", password, [phone.wrong()])
    locked = ssh("uma", password, [phone.fresh])
    s.check("unlock: a right code is refused before", not locked.got_in, locked)
    check_well(s, "unlock", do("unlock", "uma"))
    done = ssh("uma", password, [phone.fresh])
    s.check("unlock: and lets in afterwards", done.got_in, done)
    os.unlink(host.SETTINGS)


def without_and_with(s):
    password, phone = user_with_phone("wilma")
    with open("/etc/pam.d/sshd", encoding="ascii") as file:
        before = file.read()
    check_well(s, "without", do("without", "wilma"))
    done = ssh("wilma", password, [])
    s.check("without: the password alone lets in", done.got_in, done)
    check_well(s, "with", do("with", "wilma"))
    with open("/etc/pam.d/sshd", encoding="ascii") as file:
        s.equal("with: the service is what it was", file.read(), before)
    done = ssh("wilma", password, [phone.wrong()])
    s.check("with: a code is asked for again", not done.got_in and CODE in done.prompts, done)


def clock(s):
    password = host.add_user("clara")
    phone = host.add_device("clara", period=15, ago="+2d")
    early = ssh("clara", password, [phone.fresh])
    s.check("clock: it was ahead, so a right code is refused", not early.got_in, early)
    check_well(s, "clock", do("clock", "clara"))
    s.check("clock: and lets in afterwards", gets_in_soon("clara", password, phone))


def backup_and_restore(s):
    password, phone = user_with_phone("rosa")
    check_well(s, "backup", do("backup", "rosa"))
    s.equal("backup: root's alone", oct(os.stat(f"{host.HOME}/pam_totp.backup").st_mode & 0o777),
            "0o700")
    with open(f"{STORE}/secrets/rosa", "w", encoding="ascii") as file:
        file.write("damaged\n")
    broken = ssh("rosa", password, [phone.fresh])
    s.check("restore: a damaged record refuses", not broken.got_in, broken)
    check_well(s, "restore", do("restore", "rosa"))
    done = ssh("rosa", password, [phone.fresh])
    s.check("restore: the copy lets in", done.got_in, done)

    shutil.rmtree(f"{STORE}/secrets")
    gone = ssh("rosa", password, [phone.fresh])
    s.check("restore: without secrets/ nobody gets in", not gone.got_in, gone)
    check_well(s, "restore", do("restore", "rosa"))
    done = ssh("rosa", password, [lambda: phone.fresh(1)])
    s.check("restore: with it again, the code does", done.got_in, done)

    used = phone.fresh()
    shutil.rmtree(STORE)
    check_well(s, "restore", do("restore", "rosa"))
    done = ssh("rosa", password, [used])
    s.check("restore: without state/ the present code is void", not done.got_in, done)
    s.check("restore: and one of the next lets in", gets_in_soon("rosa", password, phone))


def disk(s):
    """What the page says of a full and of a read-only disk."""
    password, phone = user_with_phone("dina")
    os.mkdir("/run/disk")
    host.run("mount", "-t", "tmpfs", "-o", "mode=0700,size=512k", "disk", "/run/disk")
    host.run("cp", "-a", f"{STORE}/.", "/run/disk/")
    host.run("mount", "--bind", "/run/disk", STORE)
    host.run("dd", "if=/dev/zero", f"of={STORE}/filler", "bs=4k", check=False)
    done = ssh("dina", password, [phone.fresh])
    s.check("full disk: a code lets in", done.got_in, done)
    added = subprocess.run(["totp-admin", "add", "dina", "tablet", "--uri-file", "-"],
                           input=host.Phone.new().uri + "\n", capture_output=True, text=True,
                           check=False)
    s.check("full disk: a device is not added", added.returncode == 1, added)
    host.run("rm", f"{STORE}/filler")
    host.run("mount", "-o", "remount,ro", "/run/disk")
    done = ssh("dina", password, [lambda: phone.fresh(1)])
    s.check("read-only disk: a code is refused", not done.got_in, done)
    host.run("mount", "-o", "remount,rw", "/run/disk")
    done = ssh("dina", password, [lambda: phone.fresh(1)])
    s.check("read-only disk: it lets in after remount,rw", done.got_in, done)
    host.run("umount", STORE)


def every_block_was_run(s):
    s.equal("every named block of README was run", sorted(RUN), sorted(BLOCKS))


suite.main(__file__, [why, bypass, reset, exempt, unlock, without_and_with, clock,
                      backup_and_restore, disk, every_block_was_run], prepare)
