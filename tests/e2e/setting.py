# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: the branch under test, a PKI, an origin, a folder that goes away again."""
import atexit
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "env"))

import pki as pki_maker  # noqa: E402
import proxies  # noqa: E402
from agent import Agent, Raw  # noqa: E402,F401
from client import Answer, Client, ask, curl  # noqa: E402,F401
from haproxy import ALL_HEADERS, OWNED_LINE, Haproxy  # noqa: E402,F401
from origin import Origin  # noqa: E402
from process import free_port, wait_for  # noqa: E402,F401
from tap import Skip, Tests, equal, main  # noqa: E402,F401

BRANCH = os.environ.get("BRANCH", "2.6")
PROGRAM = os.environ.get("HAPROXY") or proxies.get(BRANCH)
NEW = BRANCH >= "3.1"
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="mtlsguard-e2e-"))
FOLDER.chmod(0o755)
if "KEEP" in os.environ:
    print(f"# {FOLDER} stays", flush=True)
else:
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

# Everything a host of the fronts below can be asked for.
HOSTS = {
    "api.example.com": {"authorities": ["partners"]},
    "*.iot.example.com": {"authorities": ["devices", "partners"]},
    "www.example.com": {"authorities": ["partners"], "require": "none"},
    "new.example.com": {"authorities": ["partners"], "enforce": "observe"},
    "worker.example.com": {"authorities": ["partners"], "require": "none"},
}
HEADERS = {"managed_transform": True, "client_cert": True, "forward_certificate": True, "owned": ["x-client-"]}


def make_pki():
    return pki_maker.make(FOLDER / "pki")


def settings(pki, **more):
    """The agent's configuration with the hosts above."""
    out = {
        "threads": 2,
        "authorities": {
            "partners": {"certificates": pki.path("partners"), "revocation": {"deny": [pki.serial("denied")]}},
            "devices": {"certificates": pki.path("devices")},
        },
        "hosts": HOSTS,
        "headers": HEADERS,
    }
    out.update(more)
    return out


def start_origin():
    return Origin().start()


def fronts():
    """The shipped fronts that this branch runs."""
    names = ["haproxy.cfg", "haproxy-vars.cfg", "haproxy-connection.cfg"]
    return names + (["haproxy-3.4.cfg"] if BRANCH >= "3.4" else [])


def full_fronts():
    """Those that do everything that the agent can ask for."""
    return ["haproxy.cfg"] + (["haproxy-3.4.cfg"] if BRANCH >= "3.4" else [])
