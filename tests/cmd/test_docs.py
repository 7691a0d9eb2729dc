#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages and annotated example: made of the program's own tables, well-formed, and valid; ready fronts that know its headers."""
import json
import pathlib
import re
import shutil
import subprocess

from cmdlib import PROGRAM, config, contains, equal, folder, main, mtlsguard

HERE = PROGRAM.parent
DOCKER = pathlib.Path(__file__).resolve().parents[2] / "docker"


def test_example():
    """the annotated example is a configuration without errors as it stands"""
    path = folder("docs") / "mtlsguard.lua"
    shutil.copy(HERE / "mtlsguard.lua.example", path)
    code, _, err = mtlsguard("check", "-c", path)
    equal(code, 0)
    assert "error:" not in err, err


def test_commands():
    """mtlsguard(1) holds what each command's --help says"""
    page = (HERE / "mtlsguard.1").read_text().replace("\\-", "-")
    for command in ("run", "check", "eval", "haproxy", "status", "reload", "drain"):
        contains(page, *[line for line in mtlsguard(command, "--help")[1].splitlines() if "\\" not in line])


def test_directives():
    """mtlsguard.lua(5) has every directive of the example"""
    page = (HERE / "mtlsguard.lua.5").read_text().replace("\\-", "-")
    keys = re.findall(r"^\s*(?:-- )?([a-z_]+) = ", (HERE / "mtlsguard.lua.example").read_text(), re.M)
    assert len(keys) > 30, keys
    for key in keys:
        contains(page, key)


def test_roff():
    """the pages make no formatter complain"""
    if not shutil.which("groff"):
        return
    for name in ("mtlsguard.1", "mtlsguard.lua.5"):
        result = subprocess.run(["groff", "-k", "-man", "-ww", "-z", "-Tutf8", HERE / name], capture_output=True, text=True, check=False)
        equal((name, result.returncode, result.stderr), (name, 0, ""))


def test_fronts():
    """the ready fronts that take headers by name have each one that is ours to set"""
    code, out, _ = mtlsguard("eval", "-c", config("fronts"), "--url", "https://www.example.com/", "--json")
    equal(code, 0)
    ours = json.loads(out)["request_headers"]["remove"]
    assert "cf-access-jwt-assertion" in ours and "cf-cert-verified" in ours, ours
    nginx = re.findall(r"proxy_set_header (\S+)", (DOCKER / "nginx/mtlsguard.conf").read_text())
    traefik = re.findall(r"[A-Z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)+", (DOCKER / "traefik/dynamic.yaml").read_text().partition("\nhttp:")[2])
    prefixes = tuple(re.findall(r"request_header -(\S+)\*", (DOCKER / "caddy/Caddyfile").read_text().lower()))
    for name in [*ours, "x-mtls-id", "x-mtls-reason", "x-mtls-status"]:
        for front, named in (("nginx", nginx), ("traefik", traefik)):
            assert name in [word.lower() for word in named] or name == "x-mtls-", f"{front}: {name}"
        assert name.startswith(prefixes), f"caddy: {name}"
        assert name.replace("-", "_", 1).startswith(prefixes), f"caddy: {name} with _"


main(globals())
