#!/usr/bin/python3
"""List every sentence that a person or a program can see, to review the wording.

    tests/list-messages.py [FOLDER...]        (all of lib, daemon and client; and the help of make)

Prints each string literal with words in it as

    FILE:LINE: [WHERE] text

WHERE is the function or macro that the literal is passed to, or the array or field that it initializes. Literals that
the compiler joins are one text. Left out are SQL, formats without words, includes, and single words that are not passed
to a function that speaks to somebody (SPEAKS).
"""
import os
import re
import sys

FOLDERS = ["lib", "daemon", "client"]
TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
    |(?P<directive>^[ \t]*\#[ \t]*(?:include|if|ifdef|ifndef|elif|else|endif|undef|error|pragma)\b(?:\\\n|[^\n])*)
    |(?P<string>(?:u8|u|U|L)?"(?:\\.|[^"\\\n])*")
    |(?P<char>'(?:\\.|[^'\\\n])+')
    |(?P<name>[A-Za-z_]\w*)
    |(?P<newline>\n)
    |(?P<space>(?:[ \t\r\f\v]|\\\n)+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
# Constructs that look like calls.
NOT_CALLS = {"if", "while", "for", "switch", "return", "sizeof", "__attribute__"}
# Read by the compiler, by SQLite, by scanning or by hashing, and by nobody else; and the C library's own phrases.
NOT_SEEN = re.compile(
    r"^(static_assert|_Static_assert|SIZED_ENDS_WITH|DB_[A-Z_]+|COPY|INSERT_INTO|ITEM_HEAD|EVENT_NAMES|STATEMENTS|"
    r"sscanf|fscanf|strstr|strncmp|digest_add_text|system_errors)$")
# Functions whose arguments are read by somebody, so that a single word counts as well.
SPEAKS = re.compile(r"log_|error|usage|refuse|reject|note|fault|fail|say|says|print|printf|puts|help|title|row|line|"
                    r"set_|return|message|column|finding|candor_strerror", re.IGNORECASE)
SQL = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA|BEGIN|COMMIT|ROLLBACK|ATTACH|DETACH|VACUUM|"
                 r"REINDEX|WITH|SAVEPOINT|RELEASE)\b"
                 r"|\b(FROM|WHERE|ORDER BY|GROUP BY|LIMIT|VALUES|JOIN|NOT NULL|WITHOUT ROWID|PRIMARY KEY|ON CONFLICT)\b")
CONVERSION = re.compile(r"%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j|t|L)?[a-zA-Z%]")
ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]+|[0-7]{1,3}|.)")


def tokens(text):
    """(kind, text, line) of each token but comments and space."""
    line = 1
    for match in TOKEN.finditer(text):
        kind = match.lastgroup
        if kind not in ("comment", "directive", "newline", "space"):
            yield kind, match.group(), line
        line += match.group().count("\n")


def is_macro_text(name):
    """PRIu64 and macros that stand among joined literals."""
    return name.isupper() or name.startswith("PRI")


def context(stack, before):
    """What the literal belongs to."""
    field = ""
    if "define" in before[:2]:
        return before[before.index("define") + 1]
    if len(before) >= 3 and before[-1] == "=" and before[-3] == ".":
        field = "." + before[-2]
    elif len(before) >= 2 and before[-1] == "=":
        field = before[-2]
    elif before and before[-1] == "return":
        field = "return"
    for name in reversed(stack):
        if name:
            return name + field if field.startswith(".") else name
    if "return" in before:
        return "return"
    if not field and "=" in before:
        field = before[before.index("=") - 1]
    return field or "?"


def messages(path):
    """(line, where, text) of each literal, joined as the compiler joins them."""
    with open(path, encoding="utf-8") as source:
        code = list(tokens(source.read()))
    stack = []  # for each open bracket, who it belongs to
    before = []  # the tokens since the last ; { or }, newest last
    index = 0
    while index < len(code):
        kind, text, line = code[index]
        if kind == "string":
            parts = []
            while index < len(code):
                kind, text, _ = code[index]
                if kind == "string":
                    parts.append(text[text.index('"') + 1:-1])
                elif kind == "name" and is_macro_text(text):
                    parts.append("<" + text + ">")
                else:
                    break
                index += 1
            yield line, context(stack, before), "".join(parts)
            before.append('""')
            continue
        if text == "#":
            before = []
        if text == "(":
            name = before[-1] if before and re.match(r"[A-Za-z_]", before[-1]) else ""
            stack.append("" if name in NOT_CALLS else name)
        elif text == "{":
            name = ""
            if before and before[-1] == "=":
                names = [word for word in before if re.match(r"[A-Za-z_]", word)]
                brackets = before.index("[") if "[" in before else 0
                name = before[brackets - 1] if brackets else (names[-1] if names else "")
            stack.append(name)
            if not name:
                before = []
        elif text in ")}]":
            if text != "]" and stack:
                stack.pop()
            if text == "}" and not any(stack):
                before = []
        elif text == ";":
            before = []
        if text not in "{};":
            before.append(text)
        index += 1


def is_message(where, text):
    plain = ESCAPE.sub(" ", CONVERSION.sub(" ", re.sub(r"<[A-Za-z0-9_]+>", " ", text)))
    if NOT_SEEN.match(where) or not re.search(r"[A-Za-z]{2}", plain) or SQL.search(text):
        return False
    return " " in text or bool(SPEAKS.search(where))


def make_help(path):
    """What `make` says: its list of targets, and what recipes echo."""
    with open(path, encoding="utf-8") as makefile:
        for number, line in enumerate(makefile, 1):
            for match in re.finditer(r'^[a-z][a-z -]*:[^#]*## (.*)|echo "([^"]*)"', line):
                yield number, "make", match.group(1) or match.group(2)


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    folders = sys.argv[1:] or FOLDERS
    for folder in folders:
        if not os.path.isdir(folder):
            sys.exit("list-messages: no such folder: " + folder)
        for root, folders_below, names in os.walk(folder):
            folders_below.sort()
            for name in sorted(names):
                if name.endswith((".c", ".h", ".def")):
                    path = os.path.join(root, name)
                    for line, where, text in messages(path):
                        if is_message(where, text):
                            print(f"{path}:{line}: [{where}] {text}")
    if folders == FOLDERS:
        for line, where, text in make_help("Makefile"):
            print(f"Makefile:{line}: [{where}] {text}")


if __name__ == "__main__":
    main()
