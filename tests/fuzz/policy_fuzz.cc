// Any policy over any arguments: the decision comes to an end, what may be called is listed, and an
// explanation says what was decided. The input is a configuration, a NUL byte, and the arguments.

#include <cstdint>

#include "base/error.h"
#include "cli/config.h"

namespace {

using namespace mcpgate;

void decide(const policy::Policy& policy, const Principal& principal, const Action& action,
            const policy::Circumstances& given) {
  policy::Circumstances any = given;
  any.arguments = {.any = true};
  const bool allowed = policy.decide(principal, action, given).allowed;
  MCPGATE_ASSERT(!allowed || policy.decide(principal, action, any).allowed);
  MCPGATE_ASSERT(policy.explain(principal, action, given).decision.allowed == allowed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), input.size());
  const cli::Environment environment{
      .config_variable = "", .state_variable = "", .working_directory = "/w"};
  const auto config = cli::parse_config(input.substr(0, end), "f.yaml", environment);
  if (!config) {
    MCPGATE_ASSERT(config.error().message.starts_with("f.yaml:"));
    return 0;
  }
  json::Parser parser(std::size_t{1} << 20);
  const auto arguments = parser.parse(input.substr(std::min(end + 1, input.size())));
  policy::Circumstances given{.address = "10.0.0.1"};
  if (arguments) {
    given.arguments.these = json::as_object(*arguments);
  }
  const policy::Policy policy(config->policy_options());
  const Principal principal{.user = "alice", .roles = policy.roles()};
  for (const cli::ToolSetConfig& set : config->tool_sets) {
    decide(policy, principal, {set.name, "log_store", true}, given);
    decide(policy, principal, {set.name, "purge", false}, given);
  }
  return 0;
}
