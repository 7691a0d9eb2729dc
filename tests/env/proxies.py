#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gets a HAProxy of each branch that is supported, and remembers it between runs.

2.6 is the package of Debian 12, as installed. The others come as packages of newer suites from the mirror that this machine's apt
uses; they are unpacked into a cache folder with their libraries and run through their own loader, so nothing is installed.

    proxies.py [BRANCH...]      prints "BRANCH VERSION PATH" a line, or why a branch can't be had (exit 1 then)
"""
import fcntl
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

BRANCHES = {"2.6": ["bookworm"], "3.0": ["trixie"], "3.2": ["sid", "forky"], "3.4": ["experimental", "sid"]}
# What experimental is built against stands in sid.
BASE_SUITE = {"experimental": "sid"}


class Unavailable(Exception):
    """This branch can't be had here; the text says why."""


def cache_root():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "mtlsguard"


def mirrors():
    """(URI, suites) of every archive in apt's own configuration, both of its file formats."""
    files = [pathlib.Path("/etc/apt/sources.list")]
    files += sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))
    for path in files:
        text = path.read_text(errors="replace") if path.is_file() else ""
        if path.suffix == ".sources":
            for stanza in re.split(r"\n\s*\n", text):
                uris = re.search(r"^URIs:\s*(.+)$", stanza, re.M)
                suites = re.search(r"^Suites:\s*(.+)$", stanza, re.M)
                for uri in uris.group(1).split() if uris and suites else []:
                    yield uri, suites.group(1).split()
        else:
            for match in re.finditer(r"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", text, re.M):
                yield match.group(1), [match.group(2)]


def mirror():
    codenames = {"bookworm", "trixie", "forky", "sid", "stable", "testing", "unstable"}
    for uri, suites in mirrors():
        if codenames & set(suites):
            return uri
    raise Unavailable("no Debian mirror in /etc/apt/sources.list*")


def run(args, **kwargs):
    result = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False, **kwargs)
    if result.returncode:
        last = result.stdout.strip().splitlines()[-1:] or ["no output"]
        raise Unavailable(f"{args[0]} failed: {last[0]}")
    return result.stdout


def apt_options(folder, suite):
    """A world of its own for apt: our folder instead of /var/lib and /etc, nothing counted as installed."""
    for sub in ("lists/partial", "archives/partial"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    suites = [suite] + ([BASE_SUITE[suite]] if suite in BASE_SUITE else [])
    uri = mirror()
    (folder / "sources.list").write_text("".join(f"deb {uri} {name} main\n" for name in suites))
    settings = {"Dir::State": folder, "Dir::State::lists": folder / "lists", "Dir::State::status": folder / "status",
                "Dir::Cache": folder, "Dir::Cache::archives": folder / "archives",
                "Dir::Etc::sourcelist": folder / "sources.list", "Dir::Etc::sourceparts": "/dev/null",
                "Acquire::Check-Valid-Until": "false", "Acquire::Languages": "none", "APT::Sandbox::User": "root",
                "Acquire::Retries": "2", "DPkg::Post-Invoke::": "", "APT::Update::Post-Invoke::": ""}
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def pick_version(options, branch):
    for line in run(["apt-cache", *options, "madison", "haproxy"]).splitlines():
        version = line.split("|")[1].strip()
        if version.startswith(branch + "."):
            return version
    return None


def write_wrapper(root, wrapper):
    loader = next(iter(sorted(root.glob("**/ld-linux-*.so.*"))), None)
    program = root / "usr/sbin/haproxy"
    if not loader or not program.exists():
        raise Unavailable("the package has no loader or no haproxy")
    libraries = sorted({str(path.parent) for path in root.glob("**/lib*.so.*") if "gconv" not in str(path)})
    words = [str(loader), "--library-path", ":".join(libraries), str(program)]
    wrapper.write_text("#!/bin/sh\nexec " + " ".join(map(shlex.quote, words)) + ' "$@"\n')
    wrapper.chmod(0o755)


def fetch(branch, suite, folder):
    """Downloads the branch from the suite; True when it was there."""
    work = folder / "apt"
    shutil.rmtree(folder, ignore_errors=True)
    options = apt_options(work, suite)
    run(["apt-get", *options, "-q", "update"])
    version = pick_version(options, branch)
    if not version:
        return False
    run(["apt-get", *options, "-qy", "--download-only", "--no-install-recommends", "install", f"haproxy={version}"])
    root = folder / "root"
    for package in sorted((work / "archives").glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(root)])
    shutil.rmtree(work)
    write_wrapper(root, folder / "haproxy")
    return True


def version_of(program):
    match = re.search(r"version (\d+\.\d+\S*)", run([str(program), "-v"]))
    return match.group(1) if match else "?"


def installed(branch):
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    if os.path.exists(program) and version_of(program).startswith(branch + "."):
        return program
    return None


def get(branch):
    """The path of a haproxy of this branch. Raises Unavailable."""
    program = installed(branch)
    if program:
        return program
    folder = cache_root() / f"haproxy-{branch}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"haproxy-{branch}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wrapper = folder / "haproxy"
        if wrapper.exists():
            return str(wrapper)
        for tool in ("apt-get", "apt-cache", "dpkg-deb"):
            if not shutil.which(tool):
                raise Unavailable(f"no {tool} here, and HAProxy {branch} is not installed")
        for suite in BRANCHES[branch]:
            if fetch(branch, suite, folder):
                return str(wrapper)
    raise Unavailable(f"the mirror has no HAProxy {branch} in {', '.join(BRANCHES[branch])}")


def main():
    failed = False
    for branch in sys.argv[1:] or BRANCHES:
        try:
            program = get(branch)
            print(branch, version_of(program), program)
        except (Unavailable, OSError, subprocess.SubprocessError) as why:
            print(f"{branch}: {why}", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
