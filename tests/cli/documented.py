#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""What README and the examples name is there. Every totp-enroll and totp-admin command, in
`backticks`, in "quotes" of a comment or in a block, is a verb that the program's own --help
knows, with these operands and options, and has an entry in the man page; every `setting =`
is one of the program's table. And every clause of tests/CLAUSES.md names tests that exist.
"""

import os
import re
import shlex
import subprocess
import tempfile

TOP = os.environ.get("top_srcdir") or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("top_builddir", os.getcwd())
PAGES = {"totp-admin": "utils/totp-admin.8", "totp-enroll": "utils/totp-enroll.1"}
RESULTS = []


def read(path):
    with open(f"{TOP}/{path}", encoding="utf-8") as file:
        return file.read()


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def check(name, wrong):
    RESULTS.append(not wrong)
    print(f"{'not ok' if wrong else 'ok'} {len(RESULTS)} - {name}")
    for line in wrong:
        print(f"#   {line}")


# --- commands ---------------------------------------------------------------------------

def texts():
    """(path, text) of all that an administrator reads here, but the man pages."""
    yield "README.md", read("README.md")
    for folder, _, files in os.walk(f"{TOP}/examples"):
        for name in sorted(files):
            path = os.path.relpath(f"{folder}/{name}", TOP)
            yield path, read(path)


def commands(program):
    """Every command line of a program that is named somewhere, with where."""
    found = {}
    for path, text in texts():
        spans = re.findall(rf"`({program}(?:\s[^`]*)?)`", text)
        spans += re.findall(rf"\"({program}\s[^\"\n]*)\"", text)
        for block in re.findall(r"^```\w.*?\n(.*?)^```$", text, re.M | re.S):
            spans += re.findall(rf"^({program}\b[^#;&|\n]*)", block, re.M)
        for span in spans:
            found[" ".join(span.split())] = path
    return found


def synopsis(program, verb):
    """(operands required, operands at most, options with whether they take a value), from
    --help; None for a verb that it does not know."""
    if program == "totp-admin":
        text = run(f"{BUILD}/utils/{program}", verb, "--help")
        line = re.search(rf"^usage: totp-admin {verb}\b(.*) \[OPTION", text)
    else:
        text = run(f"{BUILD}/utils/{program}", "--help")
        line = re.search(rf"^  {verb}\b((?: \[?[A-Z]+\]?)*)  ", text, re.M)
    if not line:
        return None
    operands = re.sub(r"\[[^\]]*--[^\]]*\]", "", line.group(1)).split()
    options = {name: bool(value) for name, value in
               re.findall(r"(?:^|\s)(--[a-z-]+)([ =][A-Zafilenou][A-Z|:a-z0-9-]*(?=\s))?", text)}
    return (sum(not word.startswith("[") for word in operands), len(operands), options)


def judge(program, command):
    """What is wrong with a command as it is documented."""
    words = shlex.split(command)[1:]
    if not words or words[0].startswith("-"):
        return
    verb = words[0]
    known = synopsis(program, verb)
    if known is None:
        yield f"--help does not know the verb {verb}"
        return
    if not re.search(rf"^\.It Cm {verb}( |$)", read(PAGES[program]), re.M):
        yield f"{PAGES[program]} has no entry for {verb}"
    least, most, options = known
    operands, rest = 0, iter(words[1:])
    for word in rest:
        name = word.split("=")[0]
        if not word.startswith("--"):
            operands += 1
        elif name not in options:
            yield f"{verb} has no {name}"
        elif options[name] and "=" not in word:
            next(rest, None)
        if word.startswith("--") and f"Fl {name[1:]}" not in read(PAGES[program]):
            yield f"{PAGES[program]} does not name {name}"
    if operands and not least <= operands <= most:
        yield f"{verb} takes {least} to {most} operands, not {operands}"


def check_commands():
    for program, at_least in (("totp-enroll", 12), ("totp-admin", 20)):
        found = commands(program)
        wrong = [f"{path}: {command}: {what}" for command, path in found.items()
                 for what in judge(program, command)]
        if len(found) < at_least:
            wrong.append(f"only {len(found)} commands were found: {sorted(found)}")
        check(f"{program}: what is documented is there", wrong)


def check_judge():
    """The test's own eyes: each of these is wrong."""
    for program, command in (("totp-admin", "totp-admin frobnicate USER"),
                             ("totp-admin", "totp-admin reset"  " USER NAME"),
                             ("totp-admin", "totp-admin disable USER"),
                             ("totp-admin", "totp-admin bypass USER --until DAY"),
                             ("totp-enroll", "totp-enroll resync A B"),
                             ("totp-enroll", "totp-enroll list --xml")):
        check(f"it would be seen: {command}", [] if list(judge(program, command)) else
              ["nothing is found wrong with it"])


def check_honesty():
    """NIST SP 800-63B: OTP authenticators are not phishing-resistant."""
    check("the pages say that a code is not phishing-resistant",
          [path for path in ("README.md", "pam_totp/pam_totp.8")
           if "not phishing-resistant" not in read(path)])


def unread_settings():
    """Blocks of settings that the programs refuse, and a broken one that they take."""
    blocks = re.findall(r"^```ini\n(.*?)^```$", read("README.md"), re.M | re.S)
    if not blocks:
        yield "there is none"
    for text in blocks + ["unenrolled = grac\n"]:
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/conf", "w", encoding="utf-8") as file:
                file.write(text)
            done = subprocess.run([f"{BUILD}/utils/totp-admin", "--conf", f"{folder}/conf",
                                   "list"], capture_output=True, text=True, check=False)
            is_refused = f"{folder}/conf:" in done.stderr
            if is_refused != (text not in blocks):
                yield f"{text}: {done.stderr}"


def check_table():
    """The table of AWS's actions, and what is named beside it."""
    part = re.search(r"^## What AWS's console does.*?(?=^## )", read("README.md"), re.M | re.S)
    rows = re.findall(r"^\| (?!---|AWS console)(.*?) \| (.*) \|$", part.group(0), re.M)
    check("README's table of AWS's actions is long", [] if len(rows) >= 25 else [f"{len(rows)}"])
    check("each action has an answer", [row for row in rows if len(row[1]) < 10])
    table = {line.split("\t")[0] for line in
             run(f"{BUILD}/tests/unit/print_keys").splitlines()}
    settings = re.findall(r"`([a-z_]+) =[^`]*`", read("README.md"))
    check("each setting that README names is one",
          [name for name in settings if name not in table] or
          ([] if len(settings) > 8 else ["none was found"]))
    check("each settings block of README is understood", list(unread_settings()))
    paths = set(re.findall(r"`(examples/[^`]*|tests/[^`]*|utils/[^`]*)`", read("README.md")))
    paths.update(re.findall(r"^cp (examples/\S+)", read("README.md"), re.M))
    check("each file that README names is there",
          [path for path in paths if not os.path.exists(f"{TOP}/{path}")])


# --- clauses ----------------------------------------------------------------------------

def check_clauses():
    rows = re.findall(r"^\| (?!---|clause)(.*?) \| (.*?) \| (.*?) \|$", read("tests/CLAUSES.md"),
                      re.M)
    wrong, named = [], 0
    for clause, _, tests in rows:
        for path, name in re.findall(r"`(tests/[\w/.]+)(?:: ([^`]*))?`", tests):
            named += 1
            if not os.path.exists(f"{TOP}/{path}"):
                wrong.append(f"{clause}: there is no {path}")
            elif name and name not in read(path):
                wrong.append(f"{clause}: {path} has no \"{name}\"")
        if not re.search(r"`tests/|^none:", tests):
            wrong.append(f"{clause}: neither a test nor \"none:\" and why")
    if named < 60:
        wrong.append(f"only {named} tests are named")
    check(f"{len(rows)} clauses: the tests that are named exist", wrong)


check_commands()
check_judge()
check_table()
check_honesty()
check_clauses()
print(f"1..{len(RESULTS)}")
raise SystemExit(0 if all(RESULTS) else 1)
