"""Every attack, in every set-up, and its control.

`test_refused[set-up-attack]` calls the attack through a real daemon and wants the declared refusal.
`test_control[attack]` runs the same code without the layers that refuse it and wants it to work: an
attack that can no longer succeed anywhere proves nothing.
"""

import importlib
import re
from pathlib import Path

import pytest
from places import (
    CONTROLS,
    IS_ROOT,
    SETUPS,
    WITHOUT_LANDLOCK,
    Place,
    Setup,
    Unavailable,
    ending_of_call,
)
from support import ROOT
from support.processes import wait_until

HOSTILE = Path(__file__).parent / "hostile"


def load_attacks() -> dict:
    module = importlib.import_module("_attack")
    for path in sorted(HOSTILE.glob("[a-z]*.py")):
        if path.stem != "sibling":
            importlib.import_module(path.stem)
    return module.declared


ATTACKS = load_attacks()
#: What one place carries: the set-ups that differ only in their profile.
PLACES: dict[str, list[Setup]] = {}
for each in [*SETUPS, *WITHOUT_LANDLOCK, *CONTROLS.values()]:
    PLACES.setdefault(each.place, []).append(each)


def on_its_worker(setup: Setup, *more, id: str):
    """Tests of one place run on one worker."""
    return pytest.param(setup, *more, id=id, marks=pytest.mark.xdist_group(setup.place))



def is_of_interest(setup: Setup, attack) -> bool:
    if setup.landlock is not None:  # an earlier one: to what it refuses
        return "landlock" in attack.layers
    if not setup.stdio:
        return True
    # A server has no frames and no workspace; executing a program as root could give it capabilities.
    of_servers = "frames" not in attack.layers and not attack.workspace
    return of_servers and (setup.uid != 0 or "capabilities" in attack.layers)


REFUSALS = [
    on_its_worker(setup, name, id=f"{setup.name}-{name}")
    for setup in SETUPS
    for name, attack in ATTACKS.items()
    if is_of_interest(setup, attack)
]


class Places:
    """Starts a place when it is first needed; one that cannot be had is not tried again."""

    def __init__(self):
        self.started: dict[str, Place | Unavailable] = {}

    def endpoint(self, setup: Setup):
        return self.place(setup).endpoint(setup)

    def place(self, setup: Setup) -> Place:
        if setup.place not in self.started:
            try:
                self.started[setup.place] = Place(setup.place, PLACES[setup.place])
            except Unavailable as error:
                self.started[setup.place] = error
        found = self.started[setup.place]
        if isinstance(found, Unavailable):
            raise found
        return found


@pytest.fixture(scope="session")
def places():
    all_places = Places()
    yield all_places
    left = {
        name: leftovers
        for name, place in all_places.started.items()
        if isinstance(place, Place) and (leftovers := place.close())
    }
    assert not left, f"left behind by attacks: {left}"


def run(endpoint, attack) -> str:
    target = dict(endpoint.target)
    # A workspace that one attack has filled is of no use to the next; neither is a server's process.
    apart = f"-{attack.name}" if attack.workspace or endpoint.setup.stdio else ""
    ada, bob = f"ada{apart}", f"bob{'' if attack.workspace else apart}"
    if attack.plant is not None:
        planted = ending_of_call(endpoint.call(f"{attack.name}_plant", bob, target, 60))
        assert planted.startswith("worked: "), planted
        target["planted"] = planted.removeprefix("worked: ")
    return ending_of_call(endpoint.call(attack.name, ada, target, attack.deadline))


@pytest.mark.parametrize("setup, name", REFUSALS)
def test_refused(places, setup, name):
    attack = ATTACKS[name]
    try:
        endpoint = places.endpoint(setup)
    except Unavailable as error:
        pytest.skip(f"{setup.name} cannot be had here: {error}")
    ended = run(endpoint, attack)
    in_server = attack.stdio if setup.stdio else ()
    if setup.profile in attack.open and not in_server:
        closed = f"closed now, so take it off the list of the open: {ended}"
        assert ended.startswith(attack.opens), closed
        return
    expected = in_server or (attack.strict if setup.profile == "strict" else attack.refused)
    assert ended.split(":")[0] in expected, f"{attack.text}\n{ended}"
    assert attack.says in ended


@pytest.mark.xdist_group("control")
@pytest.mark.parametrize("name", ATTACKS)
def test_control(places, name):
    attack = ATTACKS[name]
    if attack.needs == "root" and not IS_ROOT:
        pytest.skip("only root could do this at all")
    try:
        if attack.control == "masked":
            ended = run(places.endpoint(CONTROLS[tuple(sorted(attack.layers))]), attack)
        else:
            ended = places.place(CONTROLS["landlock",]).control(name)
    except Unavailable as error:
        pytest.skip(f"no control here: {error}")
    if ended == "ENOSYS" and "ENOSYS" not in attack.refused:
        pytest.skip("this kernel does not have what it attacks")
    assert ended.startswith("worked"), f"{attack.text}\nProves nothing: without its layers, {ended}"


@pytest.mark.parametrize("setup", [on_its_worker(s, id=s.name) for s in WITHOUT_LANDLOCK])
def test_without_landlock_no_daemon_serves(places, setup):
    answer = places.place(setup).ask("ready", setup.name)
    assert not answer["serves"]
    assert f"profile {setup.profile}: the layer landlock is missing" in answer["log"]


@pytest.mark.parametrize("setup", [on_its_worker(s, id=s.name) for s in SETUPS if s.landlock])
def test_an_earlier_landlock_lowers_what_it_does_not_know(places, setup):
    """As docs/reference/isolation.md has it: connections from version 4 on, signals from 6."""
    told = places.endpoint(setup).capabilities
    assert told["profile"] == "pod"
    holds = {layer["layer"]: layer["inForce"] for layer in told["layers"]}
    assert holds["landlock"] and holds["seccomp"]
    assert holds["landlock-net"] == (setup.landlock >= 4)
    assert holds["landlock-scope"] == (setup.landlock >= 6)


@pytest.mark.parametrize("setup", [on_its_worker(s, id=s.name) for s in SETUPS if s.ready])
def test_children_are_kept_ready(places, setup):
    try:
        endpoint = places.endpoint(setup)
    except Unavailable as error:
        pytest.skip(f"{setup.name} cannot be had here: {error}")

    def waiting() -> int:
        metrics = endpoint.socket.get("/metrics")[1].decode()
        return int(re.search(r"^mcpgate_sandbox_ready_children (\d+)$", metrics, re.MULTILINE)[1])

    wait_until(lambda: waiting() >= 1, "a child waits")


def test_what_is_open_is_documented():
    """The threat model's table of what stays open is exactly what the attacks declare."""
    page = (ROOT / "docs/threat-model.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| ([a-z, ]+) \|", page, re.MULTILINE)
    declared = {name: set(attack.open) for name, attack in ATTACKS.items() if attack.open}
    assert {name: set(profiles.split(", ")) for name, profiles in rows} == declared


def test_every_file_is_one_attack():
    files = {path.stem for path in HOSTILE.glob("[a-z]*.py")} - {"sibling"}
    assert set(ATTACKS) == files
    assert len(files) >= 120
    for attack in ATTACKS.values():
        assert attack.text.endswith("."), attack.name
        assert attack.layers and (attack.refused or attack.open), attack.name
