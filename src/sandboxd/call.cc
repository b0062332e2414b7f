#include "sandboxd/call.h"

#include "sandbox/execute.h"

namespace mcpgate::sandboxd {

std::string_view to_string(EndReason reason) {
  switch (reason) {
    case EndReason::kNone:
      return "none";
    case EndReason::kTimeout:
      return "timeout";
    case EndReason::kMemory:
      return "memory";
    case EndReason::kCpu:
      return "cpu";
    case EndReason::kOutput:
      return "output";
    case EndReason::kKilled:
      return "killed";
    case EndReason::kCrashed:
      return "crashed";
  }
  return "unknown";
}

std::optional<std::string> NoEvents::on_question(std::uint64_t number, std::string_view /*json*/) {
  return sandbox::write_reply({.number = number, .error = "nobody can be asked during this call"});
}

}  // namespace mcpgate::sandboxd
