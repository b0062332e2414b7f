"""Fixtures: gateways made of the real executables, each with its own state, ports and log.

A gateway shared by a module ends with it; whatever it ends with (exit code, left processes, the
audit chain, a secret in a log) fails the last test that used it.
"""

import shutil

import pytest
from support import BIN
from support.certificates import make_certificates
from support.gateway import (
    Gateway,
    SandboxDaemon,
    change_settings,
    copied_tools,
    fixture_config,
    fixture_tools,
    more_tools,
    project_tools,
)

# The log of a failed test shows the end of what its gateway printed.
LOG_BYTES_SHOWN = 6000


def pytest_collection_modifyitems(items):
    """Tests of one file run on one worker: they share its gateway."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        shown = [*item.funcargs.values(), *getattr(item, "started_gateways", [])]
        gateways = [value for value in shown if isinstance(value, (Gateway, SandboxDaemon))]
        for gateway in gateways:
            report.sections.append(
                (f"log of {gateway.process.argv}", gateway.log[-LOG_BYTES_SHOWN:])
            )
    return report


def pytest_sessionstart(session):
    if session.config.option.collectonly:
        return
    for name in ("mcpgate", "mcpgate-sandbox"):
        if not (BIN / name).exists():
            pytest.exit(f"{BIN / name} is not built: make build", returncode=3)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def start_gateway(request):
    """Starts gateways of a test's own: start_gateway(tools=…, config=…); closed at its end."""
    started = request.node.started_gateways = []

    def start(tools=None, **options):
        gateway = Gateway(tools or fixture_tools(), **options)
        started.append(gateway)
        return gateway.wait_ready()

    yield start
    for gateway in reversed(started):
        gateway.close()


@pytest.fixture(scope="module")
def gateway():
    """`mcpgate up` with the fixture's tool sets, shared by the tests of a module."""
    shared = Gateway(fixture_tools()).wait_ready()
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def project_gateway():
    """`mcpgate up` with the project's own tool sets, over the log corpus of the build."""
    shared = Gateway(project_tools()).wait_ready()
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def asking_gateway(tmp_path_factory):
    """The same with more_tools/asking.py in the `trial` set, and time for a client to answer."""
    tools = copied_tools(tmp_path_factory.mktemp("asking") / "tools")
    shutil.copy(more_tools() / "asking.py", tools / "trial")
    change_settings(tools / "trial", ("wall: 8s", "wall: 20s"))
    shared = Gateway(tools, config=fixture_config()).wait_ready()
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def tester(gateway):
    """A client that may use everything in the fixture's `trial` set, and nothing of `dba`."""
    return gateway.user("tester@example.com", "mcp-tester")


@pytest.fixture
def editable_tools(tmp_path):
    return copied_tools(tmp_path / "tools")
