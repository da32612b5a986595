#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""Print C files as "file:line:function:code", with comments blanked and the text of
strings and character constants taken out, so that a rule about code can be a grep.
function is the one whose body (house style: braces in column one) holds the line, or
"-" outside of any."""
import re
import sys

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
NAME = re.compile(r'^(\w+)\(')
INCLUDE = re.compile(r'^\s*#\s*include\b')


def blank(match):
    text = match.group(0)
    if text[0] in '"\'':
        return text[0] * 2
    return '\n' * text.count('\n')


def print_code(path):
    with open(path, encoding='utf-8') as source:
        text = source.read()
    # An include's file name is not a string to be blanked.
    kept = text.split('\n')
    lines = TOKEN.sub(blank, text).split('\n')
    function, inside = '-', False
    for number, line in enumerate(lines, 1):
        if INCLUDE.match(line):
            line = kept[number - 1]
        name = NAME.match(line)
        if name and not inside:
            function = name.group(1)
        inside = inside or line.startswith('{')
        if line.strip():
            print(f'{path}:{number}:{function if inside else "-"}:{line.strip()}')
        if line.startswith('}'):
            function, inside = '-', False


for argument in sys.argv[1:]:
    print_code(argument)
