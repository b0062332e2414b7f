"""The same clients over TLS, with and without client certificates, and a certificate that changes
while the gateway runs."""

import base64
import secrets
import shutil
import ssl

import pytest
from support import BIN, raw
from support.certificates import make_certificates
from support.clients import node_program, python_program
from support.gateway import Gateway, environment, fixture_config, fixture_tools
from support.processes import Running, free_port, wait_until
from support.rpc import text_of

CALL = {"name": "echo", "arguments": {"text": "over TLS"}}


def order(gateway, api_key, certificates, **more) -> dict:
    return {
        "url": gateway.url,
        "headers": {"Authorization": f"Bearer {api_key}"},
        "ca": str(certificates.ca),
        "calls": [CALL],
    } | more


def with_client_certificate(certificates) -> dict:
    return {"cert": str(certificates.client), "key": str(certificates.client_key)}


def known_key(gateway, certificates) -> str:
    context = ssl.create_default_context(cafile=certificates.ca)
    context.load_cert_chain(certificates.client, certificates.client_key)
    return gateway.known_key("tls@example.com", "mcp-tester", tls=context)


@pytest.fixture(scope="module")
def tls_gateways(certificates):
    """One gateway that asks for no client certificate, and one that does."""
    files = {"certificate": str(certificates.server), "key": str(certificates.server_key)}
    plain = Gateway(fixture_tools(), config=fixture_config(tls=files), scheme="https")
    mutual_config = fixture_config(tls=files | {"clientCa": str(certificates.ca)})
    mutual = Gateway(fixture_tools(), config=mutual_config, scheme="https")
    yield plain.wait_ready(), mutual.wait_ready()
    mutual.close()
    plain.close()


def programs():
    yield "sdk_v1", lambda given: node_program("sdk_v1", given)
    yield "sdk_v2", lambda given: node_program("sdk_v2", given | {"era": "2026-07-28"})
    yield "python", python_program


PROGRAMS = [pytest.param(run, id=name) for name, run in programs()]


@pytest.mark.parametrize("run", PROGRAMS)
def test_real_client_over_tls(tls_gateways, certificates, run):
    gateway = tls_gateways[0]
    key = known_key(gateway, certificates)
    report = run(order(gateway, key, certificates))
    assert text_of(report["calls"][0]["result"]) == "over TLS"


@pytest.mark.parametrize("run", PROGRAMS)
def test_real_client_with_its_certificate(tls_gateways, certificates, run):
    gateway = tls_gateways[1]
    key = known_key(gateway, certificates)
    report = run(order(gateway, key, certificates, **with_client_certificate(certificates)))
    assert text_of(report["calls"][0]["result"]) == "over TLS"


def test_without_a_client_certificate_nothing_is_answered(tls_gateways, certificates):
    gateway = tls_gateways[1]
    key = gateway.create_key("nobody@example.com", "mcp-tester")
    client = gateway.client(key, tls=ssl.create_default_context(cafile=certificates.ca))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        client.request("ping")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions_that_are_served(tls_gateways, certificates, version):
    gateway = tls_gateways[0]
    context = ssl.create_default_context(cafile=certificates.ca)
    context.minimum_version = context.maximum_version = version
    key = known_key(gateway, certificates)
    assert gateway.client(key, tls=context).request("ping").status == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_tls_1_1_is_refused(tls_gateways, certificates):
    context = ssl.create_default_context(cafile=certificates.ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tls_gateways[0].client(None, tls=context).request("ping")


def test_plain_http_on_the_tls_port_is_no_answer_and_no_harm(tls_gateways, certificates):
    gateway = tls_gateways[0]
    with raw.open_connection(gateway.port) as connection:
        connection.sendall(b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert all(reply.status == 400 for reply in raw.read_replies(connection))
    assert gateway.admin("/ready")[0] == 200


def test_new_certificate_is_served_without_a_restart(start_gateway, certificates, tmp_path):
    (tmp_path / "new").mkdir()
    newer = make_certificates(tmp_path / "new")
    served, served_key = tmp_path / "server.pem", tmp_path / "server.key"
    shutil.copy(certificates.server, served)
    shutil.copy(certificates.server_key, served_key)
    files = {"certificate": str(served), "key": str(served_key)}
    gateway = start_gateway(config=fixture_config(tls=files), scheme="https")

    def trusted_by(ca) -> bool:
        try:
            gateway.client(None, tls=ssl.create_default_context(cafile=ca)).request("ping")
            return True
        except ssl.SSLError:
            return False

    assert trusted_by(certificates.ca)
    shutil.copy(newer.server_key, tmp_path / "draft.key")
    shutil.copy(newer.server, tmp_path / "draft.pem")
    (tmp_path / "draft.key").rename(served_key)
    (tmp_path / "draft.pem").rename(served)
    wait_until(lambda: trusted_by(newer.ca), "the new certificate is served")
    assert not trusted_by(certificates.ca)


def test_files_of_a_changed_configuration_are_in_force(start_gateway, certificates, tmp_path):
    (tmp_path / "new").mkdir()
    newer = make_certificates(tmp_path / "new")
    files = {"certificate": str(certificates.server), "key": str(certificates.server_key)}
    gateway = start_gateway(config=fixture_config(tls=files), scheme="https")

    def answers(ca) -> bool:
        try:
            client = gateway.client(None, tls=ssl.create_default_context(cafile=ca))
            return client.request("ping").status == 401
        except (ssl.SSLError, ConnectionError):
            return False

    assert answers(certificates.ca)
    gateway.write_config(fixture_config(tls=files | {"clientCa": str(certificates.ca)}))
    wait_until(lambda: not answers(certificates.ca), "client certificates are demanded")
    new_files = {"certificate": str(newer.server), "key": str(newer.server_key)}
    gateway.write_config(fixture_config(tls=new_files))
    wait_until(lambda: answers(newer.ca), "the other certificate is served")
    gateway.write_config(fixture_config(tls=new_files | {"clientCa": "missing.pem"}))
    wait_until(lambda: "configuration in force stays" in gateway.log, "the missing file is told")
    assert answers(newer.ca)


def test_sandbox_serves_a_new_certificate_without_a_restart(certificates, tmp_path):
    (tmp_path / "new").mkdir()
    newer = make_certificates(tmp_path / "new")
    served, served_key = tmp_path / "server.pem", tmp_path / "server.key"
    shutil.copy(certificates.server, served)
    shutil.copy(certificates.server_key, served_key)
    key = tmp_path / "signing.key"
    key.touch(mode=0o600)
    key.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="))
    address = ("127.0.0.1", free_port())
    argv = [BIN / "mcpgate-sandbox", "serve", "--tools", fixture_tools() / "trial"]
    argv += ["--listen", "{}:{}".format(*address), "--key-file", key]
    argv += ["--tls-cert", served, "--tls-key", served_key]
    daemon = Running(argv, environment(tmp_path), cwd=tmp_path)

    def certificate_is(path) -> bool:
        try:
            return ssl.get_server_certificate(address) in path.read_text()
        except OSError:
            return False

    try:
        wait_until(lambda: certificate_is(certificates.server), "the daemon serves")
        served.write_text("half of a cer")
        wait_until(lambda: "stays in force" in daemon.log, "a broken certificate is told")
        assert certificate_is(certificates.server)
        shutil.copy(newer.server_key, served_key)
        shutil.copy(newer.server, served)
        wait_until(lambda: certificate_is(newer.server), "the new certificate is served")
    finally:
        assert daemon.stop() == 0, daemon.log
    assert "a zygote ended" not in daemon.log
