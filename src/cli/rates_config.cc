#include "cli/rates_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/policy_config.h"

namespace mcpgate::cli {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kNameBytesMax = 64;
constexpr std::int64_t kCountMax = 1'000'000'000;
constexpr std::uint64_t kBytesMax = std::uint64_t{1} << 50;
constexpr milliseconds kWindowMin = std::chrono::seconds{1};
constexpr milliseconds kWindowMax = std::chrono::days{31};
constexpr milliseconds kCpuMax = std::chrono::days{3650};

/// Fit for a metric's label as it is.
bool is_rate_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

class RatesReader {
 public:
  RatesReader(const std::vector<policy::ToolSetRule>& tool_sets,
              const std::map<std::string, std::vector<policy::Grant>>& roles,
              std::vector<std::string>& warnings)
      : tool_sets_(tool_sets), roles_(roles), warnings_(warnings) {}

  policy::Rate read(std::string name, const YamlNode& node) {
    YamlMap map = node.map();
    policy::Rate rate{.name = std::move(name), .place = node.place()};
    if (!is_rate_name(rate.name)) {
      node.problem(
          fmt::format("a rate's name has 1 to {} of a-z, A-Z, 0-9, _, - and .", kNameBytesMax));
    }
    map.know("toolSets");
    map.know("tools");
    if (map.key("toolSets") || map.key("tools")) {
      rate.covers = read_selection(map, tool_sets_, UnknownSet::kFails, warnings_);
    }
    read_roles(map, rate);
    read_per(map, rate);
    read_limits(map, rate);
    read_shared(map, rate);
    map.reject_unknown();
    return rate;
  }

 private:
  [[nodiscard]] bool is_named(const std::string& role) const {
    return roles_.contains(role) ||
           std::ranges::find(tool_sets_, role, &policy::ToolSetRule::required_role) !=
               tool_sets_.end();
  }

  void read_roles(YamlMap& map, policy::Rate& rate) {
    const YamlNode node = map.find("roles");
    if (!node) {
      return;
    }
    rate.roles = node.strings();
    for (const YamlNode& item : node.list()) {
      if (item.is_scalar() && !is_named(item.string())) {
        warnings_.push_back(item.place() + ": no tool set and no entry of roles names this role");
      }
    }
    if (node.is_list() && rate.roles->empty()) {
      node.problem("an empty list, so this is about nobody");
    }
  }

  static void read_per(YamlMap& map, policy::Rate& rate) {
    const YamlNode node = map.find("per");
    if (!node) {
      return;
    }
    rate.per_principal = false;
    for (const YamlNode& item : node.list()) {
      const std::string what = item.string();
      if (what == "principal") {
        rate.per_principal = true;
      } else if (what == "tool") {
        rate.per_tool = true;
      } else if (item.is_scalar()) {
        item.problem("expected principal or tool");
      }
    }
  }

  static void read_limits(YamlMap& map, policy::Rate& rate) {
    policy::RateLimits& limits = rate.limits;
    const auto count_at = [&map](std::string_view key) {
      return static_cast<std::uint64_t>(map.integer(key, 0, {.min = 1, .max = kCountMax}));
    };
    limits.calls = count_at("calls");
    limits.in_flight = count_at("inFlight");
    limits.cpu = map.duration("cpu", limits.cpu, {.min = milliseconds{1}, .max = kCpuMax});
    limits.bytes = map.size("bytes", 0, {.min = 1, .max = kBytesMax});
    rate.window = map.duration("window", rate.window, {.min = kWindowMin, .max = kWindowMax});
    const bool needs_window = map.key("calls") || map.key("cpu") || map.key("bytes");
    if (!map.node().is_map()) {
      return;
    }
    if (!needs_window && !map.key("inFlight")) {
      map.node().problem("bounds nothing: calls, cpu, bytes or inFlight is needed");
    } else if (needs_window && !map.key("window")) {
      map.node().problem("window is missing: in which time calls, cpu and bytes are counted");
    } else if (!needs_window && map.key("window")) {
      map.key("window").problem("only calls, cpu and bytes are counted in a window");
    }
  }

  static void read_shared(YamlMap& map, policy::Rate& rate) {
    rate.shared = map.boolean("shared");
    if (!rate.shared || !map.node().is_map()) {
      return;
    }
    for (const std::string_view key : {"cpu", "bytes", "inFlight"}) {
      if (const YamlNode node = map.key(key)) {
        node.problem("a shared rate bounds calls alone; make this a rate of its own");
      }
    }
    if (!map.key("calls")) {
      map.key("shared").problem("calls are needed, which is what replicas share");
    }
  }

  const std::vector<policy::ToolSetRule>& tool_sets_;
  const std::map<std::string, std::vector<policy::Grant>>& roles_;
  std::vector<std::string>& warnings_;
};

}  // namespace

std::vector<policy::Rate> read_rates(YamlMap& root,
                                     const std::vector<policy::ToolSetRule>& tool_sets,
                                     const std::map<std::string, std::vector<policy::Grant>>& roles,
                                     std::vector<std::string>& warnings) {
  RatesReader reader(tool_sets, roles, warnings);
  std::vector<policy::Rate> rates;
  for (const auto& [name, node] : root.map("rates").entries()) {
    rates.push_back(reader.read(name, node));
  }
  return rates;
}

}  // namespace mcpgate::cli
