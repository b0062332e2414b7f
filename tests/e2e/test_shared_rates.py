"""Rates that hold over replicas: three gateways and a real Redis between them."""

import concurrent.futures
import json

import pytest
from support.certificates import make_certificates
from support.gateway import BIN, Gateway, copied_tools, fixture_config, fixture_tools, run
from support.processes import wait_until
from support.redis import Redis
from support.replicas import Replicas
from support.rpc import McpClient

# Long enough that none ends while a test runs.
WINDOW = "31d"
UP = "mcpgate_rate_store_up"
# A store that is slow, as on a busy machine, is not one that is down.
PATIENT = {"rateLease": "10s"}


def shared(calls: int, **more) -> dict:
    return {"all": {"per": [], "window": WINDOW, "calls": calls, "shared": True} | more}


def call(client):
    return client.request("tools/call", {"name": "echo", "arguments": {"text": "x"}})


def metric(gateway, sample: str) -> int:
    lines = [line for line in gateway.admin("/metrics")[1].splitlines() if line.startswith(sample)]
    return int(lines[0].split()[-1]) if lines else -1


def call_all(clients, calls: int, workers: int = 12) -> list[int]:
    """The statuses of so many calls, spread over the clients, many at the same time."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda n: call(clients[n % len(clients)]).status, range(calls)))


@pytest.fixture
def redis():
    server = Redis()
    yield server
    server.close()


class Shop:
    """Three replicas that share a Redis, and a client of each."""

    def __init__(self, folder, redis, rates: dict, **store):
        tools = copied_tools(folder / "tools")
        store = {"redis": redis.config()} | store
        self.replicas = Replicas(
            tools / "trial", "mcp-tester", rates=rates, rateStore=store, limits=PATIENT
        )
        for gateway in self.replicas.gateways:
            gateway.secrets.append(redis.password)
        key = self.replicas.known_key("ada@example.com", "mcp-tester")
        self.gateways = self.replicas.gateways
        self.clients = [McpClient(gateway.url, key) for gateway in self.gateways]

    def wait_up(self, up: int):
        for gateway in self.gateways:
            wait_until(lambda at=gateway: metric(at, UP) == up, f"{UP} is {up}")


@pytest.fixture
def open_shop(tmp_path, redis):
    opened = []

    def start(rates: dict, **store) -> Shop:
        opened.append(Shop(tmp_path, redis, rates, **store))
        opened[-1].wait_up(1)
        return opened[-1]

    yield start
    for shop in opened:
        shop.replicas.close()


def test_three_replicas_let_through_the_limit_and_no_more(open_shop, redis):
    shop = open_shop(shared(300))
    statuses = call_all(shop.clients, 420)
    assert set(statuses) == {200, 429}
    # What is leased and not used is all that may be missing.
    assert 285 <= statuses.count(200) <= 300
    # Each takes from the rest what it has leased, and then there is nothing for anybody.
    left = [status for client in shop.clients for status in call_all([client], 20, 1)]
    assert 285 <= statuses.count(200) + left.count(200) <= 300
    assert [call(client).status for client in shop.clients] == [429] * 3
    refused = call(shop.clients[0])
    assert 0 < int(refused.headers["retry-after"]) <= 31 * 24 * 3600
    assert shop.gateways[0].record_of(refused)["reason"] == "rate all"
    leases = 'mcpgate_rate_leases_total{outcome="%s"}'
    assert all(metric(gateway, leases % "granted") > 0 for gateway in shop.gateways)
    # Who leased the last of it knows that nothing is left, and does not ask again.
    assert any(metric(gateway, leases % "exhausted") > 0 for gateway in shop.gateways)
    assert "ada" not in redis.ask("KEYS", "*")


def test_a_small_budget_is_used_up_whoever_is_asked(open_shop):
    shop = open_shop(shared(10))
    statuses = [call(shop.clients[n % 3]).status for n in range(30)]
    assert statuses == [200] * 10 + [429] * 20


def test_principals_count_apart_and_local_rates_stay_local(open_shop):
    rates = shared(2, per=["principal"]) | {"own": {"window": WINDOW, "calls": 3, "roles": ["own"]}}
    shop = open_shop(rates)
    assert [call(client).status for client in shop.clients] == [200, 200, 429]
    key = shop.replicas.known_key("bob@example.com", "mcp-tester")
    others = [McpClient(gateway.url, key) for gateway in shop.gateways]
    assert [call(client).status for client in others] == [200, 200, 429]


def test_redis_stopped_refuses_and_back_it_works_again(open_shop, redis):
    shop = open_shop(shared(1000))
    assert call_all(shop.clients, 3, 1) == [200] * 3
    redis.stop()
    shop.wait_up(0)
    # What was leased before may be used; then nobody knows how many others make.
    client = shop.clients[0]
    replies = []
    wait_until(lambda: replies.append(call(client)) or replies[-1].status != 200, "a refusal")
    refused = replies[-1]
    assert len(replies) <= 40
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert refused.error["data"] == {"io.mcpgate/retryAfter": 1}
    assert refused.error["message"] == "Calls cannot be counted now. Try again in 1 s."
    record = shop.gateways[0].record_of(refused)
    assert (record["status"], record["reason"]) == ("error", "rateStore")
    assert client.request("tools/list").status == 200
    redis.start()
    shop.wait_up(1)
    assert [call(each).status for each in shop.clients] == [200] * 3


def test_redis_stopped_each_counts_its_own_where_that_is_chosen(open_shop, redis):
    shop = open_shop(shared(20), onFailure="local")
    assert call_all(shop.clients, 3, 1) == [200] * 3
    redis.stop()
    shop.wait_up(0)
    for client in shop.clients:
        assert call_all([client], 25, 1) == [200] * 19 + [429] * 6
    redis.start()
    shop.wait_up(1)
    assert [call(client).status for client in shop.clients] == [429] * 3


def served(rate_store: dict, **more) -> Gateway:
    config = fixture_config(
        roles={"few": {"toolSets": ["trial"], "readOnly": True}},
        rates=shared(100),
        rateStore=rate_store,
        limits=PATIENT,
        **more,
    )
    return Gateway(fixture_tools(), config=config).wait_ready()


def test_a_wrong_password_is_no_store_until_the_file_has_the_right_one(redis):
    wrong = redis.folder / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("not-this-one-7d1f\n")
    gateway = served({"redis": redis.config(passwordFile=str(wrong))})
    try:
        gateway.secrets += [redis.password, "not-this-one-7d1f"]
        ann = gateway.user("ann", "few")
        assert call(ann).status == 429
        assert "it answers AUTH with WRONGPASS" in gateway.log
        draft = redis.folder / "draft"
        draft.touch(mode=0o600)
        draft.write_text(redis.password + "\n")
        draft.rename(wrong)
        wait_until(lambda: metric(gateway, UP) == 1, "the new password is used")
        assert call(ann).status == 200
    finally:
        gateway.close()


def test_a_user_with_few_rights_and_a_database_of_its_own(redis):
    gateway = served({"redis": redis.config(username="mcpgate", database=2)})
    try:
        assert call(gateway.user("ann", "few")).status == 200
        assert "rate:all" not in redis.ask("KEYS", "*")
    finally:
        gateway.close()


def test_tls_with_the_right_authority_and_with_another_one(tmp_path):
    for folder in ("own", "other"):
        (tmp_path / folder).mkdir()
    own = make_certificates(tmp_path / "own")
    other = make_certificates(tmp_path / "other")
    redis = Redis(own)
    try:
        for ca, status in ((own.ca, 200), (other.ca, 429)):
            gateway = served({"redis": redis.config(tls={"ca": str(ca)})})
            try:
                assert call(gateway.user("ann", "few")).status == status
                assert ("certificate verify failed" in gateway.log) == (status == 429)
                assert metric(gateway, UP) == (1 if status == 200 else 0)
            finally:
                gateway.close()
    finally:
        redis.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.write_text("\n"), "want one line with the password"),
        (lambda path: path.write_text("a\nb\n"), "want one line with the password"),
        (lambda path: path.write_text("sesame\n"), "a password that others may use"),
    ],
)
def test_a_start_refuses_a_password_file_that_is_none(tmp_path, make, said):
    password = tmp_path / "password"
    make(password)
    if password.exists():
        password.chmod(0o644 if "others" in said else 0o600)
    store = {"redis": {"address": "127.0.0.1:1", "passwordFile": str(password)}}
    config = {
        "state": str(tmp_path),
        "listen": "127.0.0.1:0",
        "auth": {"apiKeys": {"directory": "keys"}},
        "rates": shared(1),
        "rateStore": store,
    }
    file = tmp_path / "mcpgate.yaml"
    file.write_text(json.dumps(config))
    if not password.exists():
        checked = run([BIN / "mcpgate", "check", "--config", file], tmp_path)
        assert f"rateStore.redis.passwordFile: {password} does not exist" in checked.stderr
    done = run([BIN / "mcpgate", "serve", "--config", file], tmp_path)
    assert done.returncode != 0
    assert said in done.stderr
    assert str(password) in done.stderr
    assert "sesame" not in done.stderr
