#include "sandboxd/call.h"

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

}  // namespace mcpgate::sandboxd
