// The gateway's own parts, put together for one question: its configuration, the sandboxes' own
// manifests, its authenticator and its policy. So the answer is what the gateway would do.

#include "cli/explain_command.h"

#include <algorithm>
#include <exception>
#include <ostream>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "auth/introspector.h"
#include "auth/jwks_watch.h"
#include "cli/config_flag.h"
#include "cli/credential.h"
#include "cli/gateway_process.h"
#include "cli/key_stores.h"
#include "cli/local_tool_sets.h"
#include "cli/offer.h"
#include "cli/terminal.h"
#include "gateway/tool_call.h"
#include "json/raw.h"
#include "json/write.h"

namespace mcpgate::cli {
namespace {

constexpr std::size_t kArgumentsBytesMax = std::size_t{4} << 20;
constexpr std::chrono::seconds kIssuerPatience{10};

/// What is to be explained.
struct Question {
  std::string tool;
  Principal principal;
  /// JSON bytes; nothing: they are not asked about.
  std::optional<std::string> arguments;
  /// From where and when.
  std::string address;
  WallTime now;
};

/// The configuration as `up` and `serve` would have it.
std::optional<Config> read_config(const Arguments& arguments, const World& world) {
  auto config = config_for(arguments, world);
  if (config && config->file.empty()) {
    const auto tools = world.environment.working_directory / arguments.get("tools", "tools");
    config->tool_sets = find_tool_sets(tools, config->state);
    config->demo_token_allowed = true;
  }
  return config;
}

/// The issuers with their keys, as far as they can be had.
Expected<std::shared_ptr<const auth::IssuerTable>> read_issuers(const Config& config,
                                                                const World& world) {
  asio::io_context loop;
  auth::JwksWatch watch(loop, world.clock, [](const auto&) {});
  watch.follow(TRY(make_issuers(config)), token_limits(config));
  std::size_t left = config.issuers.size();
  for (const IssuerConfig& issuer : config.issuers) {
    watch.demand(issuer.rules.issuer, [&left] { --left; });
  }
  const auto give_up = std::chrono::steady_clock::now() + kIssuerPatience;
  while (left > 0 && std::chrono::steady_clock::now() < give_up) {
    loop.run_one_until(give_up);
  }
  return watch.table();
}

/// Has the token's issuer tell `tokens` what it says of it.
void ask_issuer(const std::shared_ptr<const auth::IssuerTable>& issuers, const std::string& issuer,
                const std::string& token, auth::AccessTokenVerifier& tokens, const World& world) {
  asio::io_context loop;
  auth::Introspector introspector(loop, world.clock, tokens);
  introspector.use(issuers);
  asio::co_spawn(loop, introspector.ask(issuer, token),
                 [&loop](const std::exception_ptr&) { loop.stop(); });
  loop.run();
}

/// Whose credential the file holds. kPermissionDenied where the gateway refuses it.
Expected<Principal> principal_of_token(const std::string& file, const Config& config,
                                       const World& world) {
  const std::string token = TRY(read_token_file(file));
  std::string header = "Bearer " + token;
  auth::Authenticator::Options options{
      .demo_token_allowed = config.demo_token_allowed,
      .demo_roles = policy::Policy(config.policy_options()).roles()};
  if (config.api_keys) {
    options.keys = TRY(open_key_store(*config.api_keys)->read_all());
  }
  if (!config.issuers.empty()) {
    options.issuers = TRY(read_issuers(config, world));
  }
  auth::AccessTokenVerifier tokens;
  const auth::Authenticator authenticator(std::move(options));
  const auto authenticate = [&] {
    return authenticator.authenticate({.authorization = header,
                                       .authorization_count = 1,
                                       .target = "/mcp",
                                       .possession = {.stage = auth::Possession::Stage::kLater},
                                       .peer_is_loopback = true},
                                      world.clock.wall_now(), tokens);
  };
  auto who = authenticate();
  if (!who && who.error().reason == auth::AuthFailureReason::kNotAsked) {
    ask_issuer(authenticator.issuers(), who.error().issuer, token, tokens, world);
    who = authenticate();
  }
  if (!who && who.error().reason == auth::AuthFailureReason::kBoundToAKey) {
    header = "DPoP " + token;  // Whether somebody has its key is not the question.
    who = authenticate();
  }
  if (!who) {
    return fail(ErrorCode::kPermissionDenied, "this credential is refused: {}",
                auth::to_string(who.error().reason));
  }
  return **who;
}

/// Whether who asks for the tool is let in, where the issuer of its token has to be asked for that.
Expected<void> confirm(const Arguments& arguments, const Config& config,
                       const std::string& tool_set, const World& world) {
  const auto file = arguments.find("token-file");
  const auto set = std::ranges::find(config.tool_sets, tool_set, &ToolSetConfig::name);
  if (!file || set == config.tool_sets.end() || !set->introspects) {
    return {};
  }
  Config asking = config;
  for (IssuerConfig& issuer : asking.issuers) {
    issuer.introspects_always = true;
  }
  TRY_VOID(principal_of_token(*file, asking, world));
  return {};
}

std::vector<std::string> split_roles(std::string_view text) {
  std::vector<std::string> roles;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    roles.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return roles;
}

Expected<Question> read_question(const Arguments& arguments, const Config& config,
                                 const World& world) {
  Question question{.tool = arguments.get("tool"),
                    .arguments = arguments.find("arguments"),
                    .address = arguments.get("address", "127.0.0.1"),
                    .now = world.clock.wall_now()};
  if (!IpAddress::parse(question.address)) {
    return fail(ErrorCode::kInvalidArgument, "--address: expected an IP address");
  }
  if (const auto at = arguments.find("at")) {
    const auto time = parse_rfc3339(*at);
    if (!time) {
      return fail(ErrorCode::kInvalidArgument, "--at: expected a time such as {}",
                  format_rfc3339(question.now));
    }
    question.now = *time;
  }
  const auto file = arguments.find("token-file");
  if (file.has_value() == arguments.has("roles") || (file && arguments.has("user"))) {
    return fail(ErrorCode::kInvalidArgument,
                "who asks? either --roles R,R (with --user U), or --token-file F");
  }
  if (file) {
    question.principal = TRY(principal_of_token(*file, config, world));
  } else {
    question.principal.user = arguments.get("user", "somebody");
    question.principal.roles = split_roles(arguments.get("roles"));
  }
  return question;
}

/// What the gateway would say.
struct Verdict {
  policy::Explanation why;
  /// What is wrong with the arguments by the tool's schema; empty: nothing, or they are not asked
  /// about.
  std::string problem;
  /// What bounds calls of it; of the settings that judged.
  std::vector<const policy::Rate*> rates;

  [[nodiscard]] bool allowed() const { return why.decision.allowed && problem.empty(); }
};

Expected<Verdict> judge(const gateway::Settings& settings, const gateway::Tool& tool,
                        const Question& question) {
  const policy::Policy& policy = settings.policy;
  Verdict verdict{.rates = settings.rates.about(question.principal, tool.action())};
  policy::Circumstances circumstances{.address = question.address, .now = question.now};
  if (!question.arguments) {
    circumstances.arguments.any = true;
    verdict.why = policy.explain(question.principal, tool.action(), circumstances);
    return verdict;
  }
  json::Parser parser(kArgumentsBytesMax);
  const auto element = parser.parse(*question.arguments);
  if (!element || !element->is_object()) {
    return fail(ErrorCode::kInvalidArgument, "--arguments: expected one JSON object");
  }
  circumstances.arguments.these = json::as_object(*element);
  verdict.why = policy.explain(question.principal, tool.action(), circumstances);
  const mcp::CallTool call{
      .name = tool.name, .arguments = *element, .arguments_json = *question.arguments};
  verdict.problem = gateway::check_arguments(tool, call, parser).value_or("");
  return verdict;
}

void print_text(const World& world, const gateway::Tool& tool, const Question& question,
                const Verdict& verdict) {
  const policy::Explanation& why = verdict.why;
  std::string text =
      fmt::format("{}: {}\n", why.decision.allowed ? "allowed" : "denied", why.decision.reason);
  text += fmt::format("tool      {} of tool set {}, which {}\n", tool.name, tool.tool_set,
                      tool.read_only ? "only reads" : "may write");
  text += fmt::format("caller    {}\n", question.principal.user);
  for (const policy::RuleFinding& rule : why.rules) {
    text += fmt::format("rule      {} {}\n", rule.name, rule.why);
  }
  for (const policy::RoleFinding& finding : why.roles) {
    text += fmt::format("role      {} {}\n", finding.role, finding.why);
  }
  if (why.roles.empty()) {
    text += "role      none\n";
  }
  text += fmt::format("opened by {}\n", why.opened_by.empty()
                                            ? "nothing"
                                            : fmt::format("{}", fmt::join(why.opened_by, ", ")));
  if (!why.scopes.empty()) {
    text += fmt::format("scopes    an access token needs {}\n", fmt::join(why.scopes, ", "));
  }
  for (const policy::Rate* rate : verdict.rates) {
    text += fmt::format("rate      {} {}\n", rate->name, policy::describe(*rate));
  }
  if (!verdict.problem.empty()) {
    text += fmt::format("arguments refused: {}\n", verdict.problem);
  }
  world.out << for_descriptor(1, text);
}

void print_json(const World& world, const gateway::Tool& tool, const Question& question,
                const Verdict& verdict) {
  const policy::Explanation& why = verdict.why;
  std::string text;
  json::Writer writer(text, json::Layout::kPretty);
  writer.begin_object()
      .field("allowed", why.decision.allowed)
      .field("rule", why.decision.reason)
      .field("tool", tool.name)
      .field("toolSet", tool.tool_set)
      .field("readOnly", tool.read_only)
      .field("user", question.principal.user)
      .key("rules")
      .begin_array();
  for (const policy::RuleFinding& rule : why.rules) {
    writer.begin_object()
        .field("rule", rule.name)
        .field("denies", rule.denies)
        .field("why", rule.why)
        .end_object();
  }
  writer.end_array().key("roles").begin_array();
  for (const policy::RoleFinding& finding : why.roles) {
    writer.begin_object()
        .field("role", finding.role)
        .field("opens", finding.opens)
        .field("why", finding.why)
        .end_object();
  }
  writer.end_array().key("openedBy").begin_array();
  for (const std::string& rule : why.opened_by) {
    writer.value(rule);
  }
  writer.end_array().key("scopes").begin_array();
  for (const std::string& scope : why.scopes) {
    writer.value(scope);
  }
  writer.end_array().key("rates").begin_array();
  for (const policy::Rate* rate : verdict.rates) {
    writer.begin_object()
        .field("rate", rate->name)
        .field("bounds", policy::describe(*rate))
        .end_object();
  }
  writer.end_array();
  if (question.arguments) {
    writer.field("argumentsProblem", verdict.problem);
  }
  writer.end_object();
  world.out << text << '\n';
}

/// Which tool is meant, or why that cannot be said.
Expected<const gateway::Tool*> find_tool(const Offer& offer, const std::string& name) {
  if (const gateway::Tool* tool = offer.catalogue.find(name)) {
    return tool;
  }
  const auto withheld = std::ranges::find(offer.unapproved, name, &gateway::Unapproved::name);
  if (withheld != offer.unapproved.end()) {
    return fail(ErrorCode::kNotFound,
                "{} is withheld, since it is not as approved ({}); `mcpgate tools diff` shows it",
                name, withheld->changes);
  }
  const std::string silent = offer.silent.empty()
                                 ? std::string()
                                 : fmt::format("; these do not answer, and may have it: {}",
                                               fmt::join(offer.silent, ", "));
  return fail(ErrorCode::kNotFound, "no tool set that answers has a tool of this name{}", silent);
}

int explain(const Arguments& arguments, const World& world) {
  const auto complain = [&world](const Error& error) {
    world.err << "mcpgate: " << error.message << '\n';
    const bool no =
        error.code == ErrorCode::kPermissionDenied || error.code == ErrorCode::kNotFound;
    return no ? kAnswerIsNo : kWrongUsage;
  };
  const auto config = read_config(arguments, world);
  if (!config) {
    return kWrongUsage;
  }
  const auto question = read_question(arguments, *config, world);
  if (!question) {
    return complain(question.error());
  }
  const auto settings = make_settings(*config);
  if (!settings) {
    return complain(settings.error());
  }
  const Offer offer = read_offer(*settings, world);
  const auto tool = find_tool(offer, question->tool);
  if (!tool) {
    return complain(tool.error());
  }
  if (const auto confirmed = confirm(arguments, *config, (*tool)->tool_set, world); !confirmed) {
    return complain(confirmed.error());
  }
  const auto verdict = judge(*settings, **tool, *question);
  if (!verdict) {
    return complain(verdict.error());
  }
  const auto print = arguments.get("output") == "json" ? &print_json : &print_text;
  print(world, **tool, *question, *verdict);
  return verdict->allowed() ? kDone : kAnswerIsNo;
}

}  // namespace

Command explain_command() {
  return {.name = "explain",
          .help = "Say whether somebody may use a tool, and by which rule",
          .flags = {{.name = "tool", .value = "T", .help = "the tool's name", .is_required = true},
                    {.name = "user", .value = "U", .help = "who asks, for the answer's sake"},
                    {.name = "roles", .value = "R,R", .help = "the roles of who asks"},
                    {.name = "token-file",
                     .value = "FILE",
                     .help = "or: file with the key or access token of who asks"},
                    {.name = "arguments",
                     .value = "JSON",
                     .help = "the call's arguments, which the policy and the tool's schema judge"},
                    {.name = "address",
                     .value = "IP",
                     .help = "from where it is asked [default: 127.0.0.1]"},
                    {.name = "at", .value = "TIME", .help = "when, RFC 3339 [default: now]"},
                    {.name = "tools",
                     .value = "DIR",
                     .help = "without a configuration: folder of tool sets [default: ./tools]"},
                    {.name = "output",
                     .value = "FORM",
                     .help = "text or json [default: text]",
                     .choices = {"text", "json"}}},
          .run = &explain};
}

}  // namespace mcpgate::cli
