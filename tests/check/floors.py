#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails the build when an include goes up or sideways, when a library is named outside its floor, or when a
file or a function outgrows its bound."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAY_INCLUDE = {
    "base": {"base"},
    "wire": {"base", "wire"},
    "pki": {"base", "pki"},
    "core": {"base", "pki", "core"},
    "io": {"base", "io"},
    "script": {"base", "core", "script"},
    "svc": {"base", "wire", "pki", "core", "io", "svc"},
    "front": {"base", "wire", "core", "io", "front"},
    ".": {"base", "wire", "pki", "core", "io", "script", "svc", "front", "."},
}
# header pattern -> floors (or files) that may name it
ONLY = [
    (r"openssl/(ssl|bio)\.h", {"io"}),
    (r"openssl/.*", {"pki", "io"}),
    (r"ev\.h", {"io"}),
    (r"(lua|lualib|lauxlib)\.h", {"script"}),
    (r"msgpack.*", {"core", "script"}),
    (r"curl/.*", {"svc"}),
    (r"microhttpd\.h", {"front"}),
    (r"sys/(socket|un|epoll)\.h|netinet/.*|arpa/inet\.h", {"io", "svc", "front"}),
    (r"nghttp2/.*", {"wire"}),
    (r"sqlite3\.h|hiredis/.*", {"svc"}),
]
# Facts that the floors table grants to single files.
GRANTS = {
    ("pki", "openssl/bio.h"),     # PEM is read through a memory BIO
}
MAX_FILE = 600
MAX_FUNCTION = 60
faults = []


def fault(path, line, text):
    faults.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def floor_of(path):
    parts = path.relative_to(ROOT / "agent").parts
    return parts[0] if len(parts) > 1 else "."


def check_include(path, number, name, quoted):
    floor = floor_of(path)
    if quoted:
        target = name.split("/")[0] if "/" in name else "."
        if target not in MAY_INCLUDE:
            fault(path, number, f'include "{name}": write it from agent/, as "floor/file.h"')
        elif target not in MAY_INCLUDE[floor]:
            fault(path, number, f'floor {floor} may not include {target} ("{name}")')
        return
    for pattern, floors in ONLY:
        if re.fullmatch(pattern, name):
            if floor not in floors and (floor, name) not in GRANTS:
                fault(path, number, f"<{name}> belongs to {'/'.join(sorted(floors))} only")
            return


def check_functions(path, lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start > MAX_FUNCTION:
                fault(path, start, f"a function of {number - start} lines (at most {MAX_FUNCTION})")
            start = None


def check_file(path, is_c):
    lines = path.read_text().splitlines()
    if len(lines) > MAX_FILE:
        fault(path, len(lines), f"{len(lines)} lines (at most {MAX_FILE})")
    if not is_c:
        return
    if not lines or "SPDX-License-Identifier: Apache-2.0" not in lines[0]:
        fault(path, 1, "the first line must be the SPDX licence line")
    for number, line in enumerate(lines, 1):
        found = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if found and "agent" in path.parts[len(ROOT.parts):][0]:
            check_include(path, number, found.group(2), found.group(1) == '"')
    check_functions(path, lines)


def main():
    for folder in ("agent", "tests", "lua", "haproxy-conf", "docker"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".c", ".h"):
                check_file(path, True)
            elif path.suffix in (".py", ".sh", ".lua") and "seeds" not in path.parts:
                check_file(path, False)
    for line in faults:
        print(line, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
