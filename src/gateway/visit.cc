#include "gateway/visit.h"

#include "base/trace.h"

namespace mcpgate::gateway {

namespace {

constexpr std::size_t kRequestIdBytes = 16;

}  // namespace

std::string new_request_id(Random& random) {
  return random.hex(kRequestIdBytes);
}

audit::Record begin_record(const Visit& visit, const Clock& clock) {
  return {.timestamp = clock.wall_now(),
          .request_id = visit.request_id,
          .principal = visit.principal,
          .client_ip = std::string(visit.request.peer),
          .trace_id = std::string(trace_id_of(visit.request.header("traceparent").value_or("")))};
}

}  // namespace mcpgate::gateway
