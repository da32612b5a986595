#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""Whether the time of a login tells what it must not: the instructions of each login of
time_login are counted by valgrind, which has no noise. What is counted is the module's
attempt, libcrypto in it, from the load to the answer; and in it the verification alone.

  1 Which device and which step an accepted code was of makes no difference.
  2 Nor, of those who are refused, whether the user exists, has a record, one device or
    eight, must wait or is locked; nor, there, whether the code is right, wrong or used.

An acceptance may be quicker than a refusal: which of the two it was is no secret. The
store's work (load and commit) is shown, but left out: it is the cost of files that are there or
not, and a throttled login is by design not counted and so writes nothing.
"""
import os
import re
import subprocess
import sys
import tempfile

MARGINS = {"accepted": 0.001, "refused": 0.01}
DRIVER = os.path.join(os.environ.get("top_builddir", "."), "tests/module/time_login")
count = failed = 0


def tap(is_ok, name, detail=""):
    global count, failed
    count += 1
    failed += not is_ok
    print(f"{'ok' if is_ok else 'not ok'} {count} - {name}")
    for line in detail.splitlines():
        print(f"#   {line}")


def read_dump(path):
    """(all instructions, {name of a function: those of its calls, with what it calls})"""
    names, calls, total, callee = {}, {}, 0, None
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if match := re.match(r"(c?fn)=\((\d+)\)(?: (.*))?", line):
                kind, number, name = match.groups()
                if name:
                    names[number] = name.strip().split("'")[0]
                if kind == "cfn":
                    callee = names[number]
            elif line.startswith("calls="):
                cost = int(next(file).split()[1])
                calls[callee] = calls.get(callee, 0) + cost
            elif match := re.match(r"(?:totals|summary): (\d+)", line):
                total = int(match.group(1))
    return total, calls


def measure(folder):
    """[(name of a login, instructions of its verification, of its attempt without the store,
    of the store)]"""
    out = os.path.join(folder, "out")
    done = subprocess.run(
        ["valgrind", "-q", "--tool=callgrind", "--toggle-collect=attempt_run",
         "--dump-after=attempt_run", f"--callgrind-out-file={out}", DRIVER],
        capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        sys.exit(f"Bail out! time_login: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    names = re.findall(r"^# login: (.*)$", done.stdout, re.MULTILINE)
    rows = []
    for i, name in enumerate(names, 1):
        total, calls = read_dump(f"{out}.{i}")
        verify = calls.get("verify_answer", 0)
        store = calls.get("store_load", 0) + calls.get("store_commit", 0)
        if name != "-":
            rows.append((name, verify, total - store, store))
    return rows


def spread(values):
    return (max(values) - min(values)) / max(values)


def main():
    if os.environ.get("SANITIZERS"):
        print("1..0 # SKIP a sanitizer's instructions would be counted too")
        return 0
    if subprocess.run(["which", "valgrind"], capture_output=True, check=False).returncode:
        print("1..0 # SKIP valgrind is not here")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(folder)
    table = "\n".join(f"{verify:9d} {rest:9d} {store:8d}  {name}"
                      for name, verify, rest, store in rows)
    tap(len(rows) == 17 and all(row[1] > 100000 for row in rows),
        "every login was counted and verified", "   verify   attempt    store\n" + table)
    for word, margin in MARGINS.items():
        some = [row for row in rows if row[0].startswith(word)]
        for what, column in (("verification", 1), ("attempt", 2)):
            off = spread([row[column] for row in some])
            tap(off <= margin, f"{word}: the {what} is the same within {margin:.1%}",
                f"{off:.3%} between {len(some)} logins")
    print(f"1..{count}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
