// Streams on which the server speaks first: who is told of what, when they end, and what gets none.

#include "gateway/notification_streams.h"

#include "gateway/session.h"
#include "gateway/stream_test_support.h"

namespace mcpgate::gateway {
namespace {

constexpr std::string_view kSubscription = "params._meta/io.modelcontextprotocol/subscriptionId";
constexpr std::string_view kAcknowledged = "notifications/subscriptions/acknowledged";
constexpr std::string_view kToolsChanged = "notifications/tools/list_changed";
constexpr std::string_view kResourcesChanged = "notifications/resources/list_changed";
constexpr std::string_view kPromptsChanged = "notifications/prompts/list_changed";
constexpr std::string_view kUpdated = "notifications/resources/updated";

using Methods = std::vector<std::string>;

class NotificationStreamsTest : public StreamTest {
 protected:
  std::shared_ptr<Stream> listen(const std::string& authorization, std::string_view filter) {
    auto stream =
        open(modern("subscriptions/listen", R"("notifications":{)" + std::string(filter) + "}"),
             authorization);
    EXPECT_EQ(stream->status, 200);
    EXPECT_TRUE(has(stream, 1));
    return stream;
  }
  /// What the stream has said, after whatever is under way has arrived.
  Methods said(const std::shared_ptr<Stream>& stream) {
    // All streams are of one loop: one that a fresh change reaches was passed by older ones.
    loop_.restart();
    while (loop_.poll() > 0) {
    }
    run_until(loop_, [] { return false; }, 20ms);
    Methods methods;
    for (const http::SseEvent& event : stream->events) {
      methods.push_back(member(event.data, "method"));
    }
    return methods;
  }

  static void add_tool(sandbox::Manifest& manifest, const std::string& name) {
    manifest.tools.push_back(
        manifest_tool(R"({"name":")" + name +
                      R"(","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}})"));
  }
};

// --- what is told, and to whom ---

TEST_F(NotificationStreamsTest, AListenIsAcknowledgedFirst) {
  const auto stream = listen(alice_, R"("toolsListChanged":true,"promptsListChanged":false,)"
                                     R"("resourceSubscriptions":["demo://notes","demo://none"],)"
                                     R"("taskIds":["a"],"somethingNew":{"x":1})");
  const std::string first = stream->events.at(0).data;
  EXPECT_EQ(member(first, "method"), kAcknowledged);
  EXPECT_EQ(member(first, kSubscription), "7");
  EXPECT_EQ(member(first, "params.notifications"),
            R"({"toolsListChanged":true,"resourceSubscriptions":["demo://notes"]})");
  EXPECT_EQ(stream->events.at(0).id, std::nullopt) << "this revision has no event ids";
  const std::string line = record();
  EXPECT_EQ(member(line, "method"), "subscriptions/listen");
  EXPECT_EQ(member(line, "status"), "success");
}

TEST_F(NotificationStreamsTest, AListenThatWantsNothingIsAcknowledgedToo) {
  const auto stream = listen(alice_, "");
  EXPECT_EQ(member(stream->events.at(0).data, "params.notifications"), "{}");
}

TEST_F(NotificationStreamsTest, AChangedListIsToldToWhomItWasAskedFor) {
  const auto all = listen(alice_, R"("toolsListChanged":true,"promptsListChanged":true,)"
                                  R"("resourcesListChanged":true)");
  const auto prompts = listen(alice_, R"("promptsListChanged":true)");
  add_tool(demo_, "more");
  use_settings();
  ASSERT_TRUE(has(all, 2));
  EXPECT_EQ(member(all->events.at(1).data, kSubscription), "7");
  EXPECT_EQ(said(all), (Methods{std::string(kAcknowledged), std::string(kToolsChanged)}));
  demo_.prompts.clear();
  demo_.resources.pop_back();
  use_settings();
  ASSERT_TRUE(has(all, 4));
  EXPECT_EQ(said(all), (Methods{std::string(kAcknowledged), std::string(kToolsChanged),
                                std::string(kPromptsChanged), std::string(kResourcesChanged)}));
  EXPECT_EQ(said(prompts), (Methods{std::string(kAcknowledged), std::string(kPromptsChanged)}));
}

TEST_F(NotificationStreamsTest, AChangeIsToldToThoseWhoSeeIt) {
  constexpr std::string_view kAll =
      R"("toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true)";
  const auto alice = listen(alice_, kAll);
  const auto bob = listen(bob_, kAll);
  const auto carol = listen(carol_, kAll);
  add_tool(secret_, "hidden");
  secret_.prompts.clear();
  secret_.resources.clear();
  use_settings();
  ASSERT_TRUE(has(alice, 4));
  // Of demo bob sees what only reads, and carol nothing.
  demo_.tools.erase(demo_.tools.begin() + 1);
  use_settings();
  ASSERT_TRUE(has(alice, 5));
  EXPECT_EQ(said(bob), Methods{std::string(kAcknowledged)});
  add_tool(demo_, "more");
  use_settings();
  ASSERT_TRUE(has(bob, 2));
  EXPECT_EQ(said(bob), (Methods{std::string(kAcknowledged), std::string(kToolsChanged)}));
  EXPECT_EQ(said(carol), Methods{std::string(kAcknowledged)});
}

TEST_F(NotificationStreamsTest, APolicyThatShowsMoreChangesTheList) {
  const auto bob = listen(bob_, R"("toolsListChanged":true)");
  settings_.policy =
      policy::Policy({.roles = {{"mcp-admin", {{.covers = {.tool_sets = {"*"}}}}},
                                {"mcp-viewer", {{.covers = {.tool_sets = {"demo"}}}}}},
                      .tool_sets = {{"demo", ""}, {"secret", ""}}});
  use_settings();
  ASSERT_TRUE(has(bob, 2));
  EXPECT_EQ(member(bob->events.at(1).data, "method"), kToolsChanged);
}

TEST_F(NotificationStreamsTest, WhatStaysTheSameIsNotTold) {
  const auto alice = listen(alice_, R"("toolsListChanged":true,"resourcesListChanged":true,)"
                                    R"("resourceSubscriptions":["demo://notes"])");
  demo_.instance = "instance-2";
  demo_.tools[0].digest = "sha256:" + sha256_hex("another text of the same tool");
  use_settings();
  add_key("dora", {});
  use_settings();
  EXPECT_EQ(said(alice), Methods{std::string(kAcknowledged)});
}

TEST_F(NotificationStreamsTest, AFollowedResourceIsToldWhereItIsMadeAnew) {
  const auto alice = listen(alice_, R"("resourceSubscriptions":["demo://notes/monday"])");
  const auto other = listen(alice_, R"("resourceSubscriptions":["demo://notes"])");
  demo_.resources[1].digest = "sha256:" + sha256_hex("the template's new text");
  use_settings();
  ASSERT_TRUE(has(alice, 2));
  EXPECT_EQ(member(alice->events.at(1).data, "method"), kUpdated);
  EXPECT_EQ(member(alice->events.at(1).data, "params.uri"), "demo://notes/monday");
  EXPECT_EQ(member(alice->events.at(1).data, kSubscription), "7");
  EXPECT_EQ(said(other), Methods{std::string(kAcknowledged)});
}

TEST_F(NotificationStreamsTest, AFollowedResourceIsToldWhereAToolSaysThatItHasChanged) {
  const std::string uri = "demo://notes/monday";
  const auto alice = listen(alice_, R"("resourceSubscriptions":["demo://notes/monday"])");
  const auto other = listen(alice_, R"("resourceSubscriptions":["demo://notes"])");
  const auto carol = listen(carol_, R"("resourceSubscriptions":["demo://notes/monday"])");
  ASSERT_NE(sandbox::update_bucket(uri), sandbox::update_bucket("demo://notes"));
  for (std::size_t told = 1; told <= 2; ++told) {
    ++demo_.updates[sandbox::update_bucket(uri)];
    use_settings();
    ASSERT_TRUE(has(alice, told + 1));
    EXPECT_EQ(member(alice->events.at(told).data, "method"), kUpdated);
    EXPECT_EQ(member(alice->events.at(told).data, "params.uri"), uri);
  }
  use_settings();
  EXPECT_EQ(said(alice).size(), 3U);
  EXPECT_EQ(said(other).size(), 1U);
  EXPECT_EQ(said(carol).size(), 1U);
}

TEST_F(NotificationStreamsTest, ResourcesThatAreHiddenAreNotFollowed) {
  const auto bob =
      listen(bob_, R"("resourceSubscriptions":["demo://notes","demo://notes/sunday"])");
  // Sunday is a resource of secret, but a day of demo too.
  EXPECT_EQ(member(bob->events.at(0).data, "params.notifications.resourceSubscriptions"),
            R"(["demo://notes","demo://notes/sunday"])");
  const auto carol = listen(carol_, R"("resourceSubscriptions":["demo://notes"])");
  EXPECT_EQ(member(carol->events.at(0).data, "params.notifications.resourceSubscriptions"), "[]");
  secret_.resources[0].digest = "sha256:" + sha256_hex("another sunday");
  demo_.resources[0].digest = "sha256:" + sha256_hex("other notes");
  use_settings();
  ASSERT_TRUE(has(bob, 2));
  EXPECT_EQ(member(bob->events.at(1).data, "params.uri"), "demo://notes");
  EXPECT_EQ(said(bob).size(), 2U);
  EXPECT_EQ(said(carol).size(), 1U);
}

// --- legacy ---

TEST_F(NotificationStreamsTest, TheStreamOfASessionIsPrimedAndTold) {
  const std::string session = initialize(alice_);
  (void)record();
  const auto stream = open(get(session), alice_);
  EXPECT_EQ(stream->status, 200);
  ASSERT_TRUE(has(stream, 1));
  const http::SseEvent prime = stream->events.at(0);
  EXPECT_TRUE(prime.id && prime.data.empty() && prime.retry_ms);
  const std::string line = record();
  EXPECT_EQ(member(line, "method"), "GET");
  EXPECT_EQ(member(line, "status"), "success");
  add_tool(demo_, "more");
  use_settings();
  ASSERT_TRUE(has(stream, 2));
  EXPECT_EQ(stream->events.at(1).data,
            R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{}})");
  EXPECT_TRUE(stream->events.at(1).id);
  EXPECT_NE(stream->events.at(1).id, prime.id);
}

TEST_F(NotificationStreamsTest, OlderRevisionsAreNotPrimed) {
  const std::string session = initialize(alice_);
  const auto stream = open(get(session, "2025-06-18"), alice_);
  add_tool(demo_, "more");
  use_settings();
  ASSERT_TRUE(has(stream, 1));
  EXPECT_EQ(said(stream), Methods{std::string(kToolsChanged)});
}

TEST_F(NotificationStreamsTest, WhoComesBackIsToldWhatItMissed) {
  const std::string session = initialize(alice_);
  const auto first = open(get(session), alice_);
  ASSERT_TRUE(has(first, 1));
  const std::string prime = first->events.at(0).id.value_or("");
  EXPECT_EQ(send(with(legacy("resources/subscribe", R"("uri":"demo://notes")"), "Mcp-Session-Id",
                      session))
                .status,
            200);
  first->exchange.abort();
  ASSERT_TRUE(ends(first));
  add_tool(demo_, "more");
  demo_.resources[0].digest = "sha256:" + sha256_hex("other notes");
  use_settings();

  const auto again = open(with(get(session), "Last-Event-ID", prime), alice_);
  ASSERT_TRUE(has(again, 3));
  EXPECT_EQ(said(again), (Methods{"", std::string(kToolsChanged), std::string(kUpdated)}));
  const std::string last = again->events.at(2).id.value_or("");
  again->exchange.abort();
  ASSERT_TRUE(ends(again));
  const auto third = open(with(get(session), "Last-Event-ID", last), alice_);
  ASSERT_TRUE(has(third, 1));
  EXPECT_EQ(said(third), Methods{""}) << "it has missed nothing";
}

TEST_F(NotificationStreamsTest, ASessionFollowsAResourceUntilItDoesNot) {
  const std::string session = initialize(alice_);
  const auto stream = open(get(session), alice_);
  const auto ask = [&](const std::string& method, const std::string& uri) {
    return send(with(legacy(method, R"("uri":")" + uri + '"'), "Mcp-Session-Id", session));
  };
  EXPECT_EQ(member(ask("resources/subscribe", "demo://notes").body, "result"), "{}");
  demo_.resources[0].digest = "sha256:" + sha256_hex("other notes");
  use_settings();
  ASSERT_TRUE(has(stream, 2));
  EXPECT_EQ(stream->events.at(1).data,
            R"({"jsonrpc":"2.0","method":"notifications/resources/updated",)"
            R"("params":{"uri":"demo://notes"}})");
  EXPECT_EQ(member(ask("resources/unsubscribe", "demo://notes").body, "result"), "{}");
  demo_.resources[0].digest = "sha256:" + sha256_hex("the first notes");
  use_settings();
  EXPECT_EQ(said(stream).size(), 2U);
}

TEST_F(NotificationStreamsTest, OnlyWhatMayBeReadMayBeFollowed) {
  const std::string session = initialize(carol_);
  (void)record();
  const auto hidden = send(
      with(legacy("resources/subscribe", R"("uri":"demo://notes")"), "Mcp-Session-Id", session),
      carol_);
  std::string line = record();
  EXPECT_EQ(member(line, "status"), "denied");
  const auto missing = send(
      with(legacy("resources/subscribe", R"("uri":"demo://notez")"), "Mcp-Session-Id", session),
      carol_);
  line = record();
  EXPECT_EQ(member(line, "status"), "invalid");
  EXPECT_EQ(member(hidden.body, "error.code"), "-32002");
  EXPECT_EQ(member(missing.body, "error.code"), "-32002");
  EXPECT_EQ(member(hidden.body, "error.message"), member(missing.body, "error.message"));

  settings_.subscriptions_max = 1;
  use_settings();
  const std::string own = initialize(alice_);
  const auto subscribe = [&](const std::string& uri) {
    return send(
               with(legacy("resources/subscribe", R"("uri":")" + uri + '"'), "Mcp-Session-Id", own))
        .body;
  };
  EXPECT_EQ(member(subscribe("demo://notes"), "result"), "{}");
  EXPECT_EQ(member(subscribe("demo://notes/a"), "error.code"), "-32602");
  const auto bare = send(legacy("resources/subscribe", R"("uri":"demo://notes")"));
  EXPECT_EQ(bare.status, 400);
  EXPECT_EQ(member(bare.body, "error.code"), "-32600");
  EXPECT_EQ(
      member(send(with(legacy("resources/subscribe"), "Mcp-Session-Id", own)).body, "error.code"),
      "-32602");
}

TEST_F(NotificationStreamsTest, OfSeveralStreamsOfASessionTheYoungestIsTold) {
  const std::string session = initialize(alice_);
  const auto older = open(get(session), alice_);
  const auto younger = open(get(session), alice_);
  add_tool(demo_, "more");
  use_settings();
  ASSERT_TRUE(has(younger, 2));
  EXPECT_EQ(said(older).size(), 1U);
  younger->exchange.abort();
  ASSERT_TRUE(ends(younger));
  (void)said(older);
  add_tool(demo_, "evenmore");
  use_settings();
  EXPECT_TRUE(has(older, 2));
}

TEST_F(NotificationStreamsTest, AnEndedSessionHasNoStreamsAndIsRefused) {
  const std::string session = initialize(alice_);
  const auto stream = open(get(session), alice_);
  const auto listening = listen(alice_, "");
  Sent end = get(session);
  end.method = "DELETE";
  EXPECT_EQ(send(end, bob_).status, 404) << "it is not his";
  EXPECT_FALSE(stream->over);
  EXPECT_EQ(send(end).status, 204);
  EXPECT_TRUE(ends(stream));
  EXPECT_EQ(send(end).status, 404);
  EXPECT_EQ(send(with(legacy("ping"), "Mcp-Session-Id", session)).status, 404);
  EXPECT_EQ(open(get(session), alice_)->status, 404);
  EXPECT_EQ(send({.method = "DELETE"}).status, 400);
  EXPECT_EQ(send({.headers = {{"MCP-Protocol-Version", "2026-07-28"}}, .method = "DELETE"}).status,
            405);
  EXPECT_EQ(send(with(legacy("ping"), "Mcp-Session-Id", initialize(alice_))).status, 200);
  EXPECT_FALSE(listening->over);
}

// --- when streams end ---

TEST_F(NotificationStreamsTest, ACredentialThatIsNoMoreEndsItsStreams) {
  const auto bob = listen(bob_, "");
  const auto alice = listen(alice_, "");
  std::erase_if(keys_, [](const auto& key) { return key.user == "bob"; });
  use_settings();
  ASSERT_TRUE(ends(bob));
  const std::string last = bob->events.back().data;
  EXPECT_EQ(member(last, "id"), "7");
  EXPECT_EQ(member(last, "result.resultType"), "complete");
  EXPECT_EQ(member(last, "result._meta/io.modelcontextprotocol/subscriptionId"), "7");
  EXPECT_FALSE(alice->over);
}

TEST_F(NotificationStreamsTest, OtherRolesEndTheStreamsToo) {
  const auto bob = listen(bob_, "");
  const auto stream = open(get(initialize(bob_)), bob_);
  std::ranges::find(keys_, "bob", &auth::KeyRecord::user)->roles = {"mcp-admin"};
  use_settings();
  EXPECT_TRUE(ends(bob));
  EXPECT_TRUE(ends(stream));
}

TEST_F(NotificationStreamsTest, AKeyThatExpiresEndsItsStreamsWithTheNextComment) {
  std::ranges::find(keys_, "bob", &auth::KeyRecord::user)->expires = clock_.wall_now() + 60s;
  settings_.stream_keep_alive = 10ms;
  use_settings();
  const auto bob = listen(bob_, "");
  ASSERT_TRUE(run_until(loop_, [&] { return bob->bytes.contains("\n:\n\n"); }));
  EXPECT_FALSE(bob->over);
  clock_.advance(61s);
  EXPECT_TRUE(ends(bob));
}

TEST_F(NotificationStreamsTest, DrainingEndsAllStreamsAndOpensNone) {
  const auto listening = listen(alice_, R"("toolsListChanged":true)");
  const std::string session = initialize(alice_);
  const auto stream = open(get(session), alice_);
  gateway_->drain();
  EXPECT_TRUE(ends(listening));
  EXPECT_TRUE(ends(stream));
  EXPECT_EQ(member(listening->events.back().data, "result.resultType"), "complete");
  EXPECT_EQ(open(get(session), alice_)->status, 503);
}

TEST_F(NotificationStreamsTest, WhoHangsUpFreesItsPlace) {
  settings_.streams_max = 1;
  use_settings();
  const auto stream = listen(alice_, "");
  EXPECT_EQ(open(modern("subscriptions/listen", R"("notifications":{})"), alice_)->status, 503);
  stream->exchange.abort();
  int status = 503;
  EXPECT_TRUE(run_until(loop_, [&] {
    if (status != 200) {
      status = open(modern("subscriptions/listen", R"("notifications":{})"), alice_)->status;
    }
    return status == 200;
  }));
}

// --- bounds ---

TEST_F(NotificationStreamsTest, StreamsAreLimitedOfOnePrincipalAndOfAll) {
  settings_.streams_per_principal_max = 1;
  settings_.streams_max = 2;
  use_settings();
  const auto alice = listen(alice_, "");
  (void)record();
  const Sent more = modern("subscriptions/listen", R"("notifications":{})");
  const auto refused = send(more);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(member(refused.body, "id"), "7");
  EXPECT_EQ(member(refused.body, "error.code"), "-32603");
  EXPECT_NE(header(refused, "Retry-After"), "");
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "error");
  EXPECT_EQ(member(line, "reason"), "stream");
  const auto bob = listen(bob_, "");
  EXPECT_EQ(send(more, carol_).status, 503);
  EXPECT_EQ(send(get(initialize(carol_)), carol_).status, 503);
  add_tool(demo_, "more");
  use_settings();
  EXPECT_FALSE(alice->over || bob->over);
}

TEST_F(NotificationStreamsTest, AReaderThatDoesNotReadIsDropped) {
  server_.reset();
  http::Listener listener = *http::listen("127.0.0.1:0");
  http::ServerOptions options;
  options.limits.write_timeout = 100ms;
  client_ = std::make_unique<http::Client>(
      loop_, *http::Endpoint::parse("http://" + listener.address()), http::ClientOptions{});
  server_ = std::make_unique<http::Server>(loop_, std::move(listener), *gateway_, options);
  server_->start();
  // Its head is read and nothing else: what the kernel takes for it fills up.
  http::Exchange exchange(*client_);
  std::string filter;
  for (int i = 0; i < 100; ++i) {
    filter += fmt::format(R"({}"demo://notes/{}{}")", i == 0 ? "" : ",", std::string(4000, 'x'), i);
  }
  const Sent sent = modern("subscriptions/listen",
                           R"("notifications":{"resourceSubscriptions":[)" + filter + "]}");
  const auto status = [](http::Exchange& to, Sent what, std::string key) -> Task<int> {
    const auto headers = headers_of(what, key);
    const auto head = co_await to.send(
        {.method = what.method, .target = what.target, .headers = headers, .body = what.body});
    co_return head ? head->status : 0;
  };
  ASSERT_EQ(run(loop_, status(exchange, sent, alice_)), 200);
  const std::size_t open = server_->connections();
  for (int round = 0; round < 1000 && server_->connections() == open; ++round) {
    demo_.resources[1].digest = "sha256:" + sha256_hex(std::to_string(round));
    use_settings();
    run_until(loop_, [] { return false; }, 10ms);
  }
  EXPECT_EQ(server_->connections(), open - 1);
  exchange.abort();
}

// --- what is no stream ---

TEST_F(NotificationStreamsTest, WhatCannotBeAStreamSaysWhy) {
  const std::string session = initialize(alice_);
  const std::string foreign = initialize(bob_);
  Sent wrong_accept = get(session);
  wrong_accept.headers.pop_back();
  wrong_accept.headers.emplace_back("Accept", "application/json");
  Sent no_session{.headers = {{"Accept", "text/event-stream"}}, .method = "GET"};
  struct Case {
    Sent sent;
    int status;
  };
  seen_ = records().size();
  for (const Case& test : std::vector<Case>{{wrong_accept, 406},
                                            {no_session, 400},
                                            {get("made-up"), 404},
                                            {get(foreign), 404},
                                            {get(session, "2026-07-28"), 405},
                                            {get(session, "2024-11-05"), 400},
                                            {with(get(session), "Last-Event-ID", "x"), 400},
                                            {with(get(session), "Last-Event-ID", session), 400}}) {
    const auto response = send(test.sent);
    EXPECT_EQ(response.status, test.status);
    EXPECT_EQ(header(response, "Allow"), test.status == 405 ? "POST" : "");
    EXPECT_EQ(member(record(), "status"), "invalid");
  }
  EXPECT_EQ(send(get(session), "").status, 401);
}

TEST_F(NotificationStreamsTest, AnEventIdIsGoodForItsOwnSessionAlone) {
  const std::string session = initialize(alice_);
  const auto stream = open(get(session), alice_);
  ASSERT_TRUE(has(stream, 1));
  const std::string id = stream->events.at(0).id.value_or("");
  EXPECT_EQ(send(with(get(initialize(alice_)), "Last-Event-ID", id)).status, 400);
  EXPECT_EQ(send(with(get(initialize(bob_)), "Last-Event-ID", id), bob_).status, 400);
  std::string altered = id;
  altered.back() = altered.back() == 'A' ? 'B' : 'A';
  altered[altered.size() / 2] = altered[altered.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_EQ(send(with(get(session), "Last-Event-ID", altered)).status, 400);
}

TEST_F(NotificationStreamsTest, AListenOfTheWrongShapeIsRefused) {
  const std::string flag = "must be true or false";
  const std::string list = "must be a list of URIs";
  const std::string none =
      "200 -32602 params.notifications: an object that says what to tell is missing";
  for (const auto& [members, why] : std::vector<std::pair<std::string, std::string>>{
           {R"("x":1)", none},
           {R"("notifications":[])", none},
           {R"("notifications":{"toolsListChanged":"yes"})",
            "200 -32602 params.notifications.toolsListChanged: " + flag},
           {R"("notifications":{"resourcesListChanged":null})",
            "200 -32602 params.notifications.resourcesListChanged: " + flag},
           {R"("notifications":{"resourceSubscriptions":"demo://notes"})",
            "200 -32602 params.notifications.resourceSubscriptions: " + list},
           {R"("notifications":{"resourceSubscriptions":[1]})",
            "200 -32602 params.notifications.resourceSubscriptions: " + list},
       }) {
    const auto response = send(modern("subscriptions/listen", members));
    EXPECT_EQ(refusal(response), why) << members;
    EXPECT_EQ(member(response.body, "id"), "7") << members;
  }
  const auto json = send(
      with(modern("subscriptions/listen", R"("notifications":{})"), "Accept", "application/json"));
  EXPECT_EQ(refusal(json),
            "406 -32600 the answer of subscriptions/listen is text/event-stream: accept that");
  settings_.subscriptions_max = 1;
  use_settings();
  EXPECT_EQ(refusal(send(modern("subscriptions/listen",
                                R"("notifications":{"resourceSubscriptions":["a:b","c:d"]})"))),
            "200 -32602 params.notifications.resourceSubscriptions: at most 1 resources");
  // The legacy revisions do not know it, the modern one not theirs.
  EXPECT_EQ(refusal(send(legacy("subscriptions/listen", R"("notifications":{})"))),
            "200 -32601 Method not found");
  EXPECT_EQ(refusal(send(modern("resources/subscribe", R"("uri":"demo://notes")"))),
            "404 -32601 Method not found");
}

TEST_F(NotificationStreamsTest, WithoutARecordThereIsNoStream) {
  const std::string session = initialize(alice_);
  const FullDisk full(audit_file());
  EXPECT_EQ(send(get(session)).status, 503);
  EXPECT_EQ(send(modern("subscriptions/listen", R"("notifications":{})")).status, 503);
}

}  // namespace
}  // namespace mcpgate::gateway
