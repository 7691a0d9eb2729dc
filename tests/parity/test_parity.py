#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One table of scenarios, decided offline and through every front: verdict, status, reason and headers are equal, save what exceptions.py lists.

    test_parity.py [FRONT]      ENVOY names an Envoy; SHOW=1 prints every difference, not only the first few
"""
import atexit
import os
import pathlib
import shutil
import sys
import tempfile

import exceptions
import fronts
import table
import view
import pki as pki_maker
from origin import Origin
from tap import Tests, main

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="mtlsguard-parity-"))
FOLDER.chmod(0o755)
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
SCENARIOS = list(table.scenarios())
SHOWN = 10_000 if "SHOW" in os.environ else 12

tests = Tests()
pki = pki_maker.make(FOLDER / "pki")
origin = Origin().start()
offline = fronts.Offline(FOLDER / "offline", pki)
expectations = {}
ran = set()


def expected(scenario, chain):
    """What eval says; asked once for each scenario and form of the chain."""
    key = (scenario, chain)
    if key not in expectations:
        expectations[key] = offline.view(scenario, chain)
    return dict(expectations[key])


def compare(front, name):
    for scenario in SCENARIOS:
        wanted = exceptions.apply(name, scenario, expected(scenario, front.chain))
        try:
            found = list(view.differences(wanted, front.view(scenario)))
        except (OSError, AssertionError) as why:
            found = [repr(why)]
        if found:
            yield f"{scenario.name}: {'; '.join(found)}"


def check(name):
    front = fronts.start(name, FOLDER / name, pki, origin.port)
    ran.add(name)
    try:
        wrong = list(compare(front, name))
    finally:
        front.stop()
    if wrong:
        raise AssertionError("\n".join([f"{len(wrong)} of {len(SCENARIOS)} differ:", *wrong[:SHOWN]]))


@tests
def the_table_is_large_enough():
    assert len(set(SCENARIOS)) >= 200, len(SCENARIOS)
    verdicts = {(view_["verdict"], view_["reason"]) for view_ in (expected(scenario, True) for scenario in SCENARIOS)}
    assert len(verdicts) >= 10, verdicts


for front_name in fronts.FRONTS:
    def case(front_name=front_name):
        check(front_name)
    case.__name__ = f"{front_name}_decides_{len(SCENARIOS)}_scenarios_as_eval_does"
    tests(case)


@tests
def every_exception_is_needed():
    idle = [f"{each.why}: {name}" for each in exceptions.ROWS for name in each.fronts if name in ran and name not in each.used]
    assert not idle, idle


if __name__ == "__main__":
    sys.exit(main(tests))
