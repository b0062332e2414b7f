#include "base/clock.h"

#include <ctime>

#include <fmt/compile.h>
#include <fmt/format.h>

namespace mcpgate {

std::string format_rfc3339(WallTime time) {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::seconds;
  const auto since = time.time_since_epoch();
  const auto whole = std::chrono::floor<seconds>(since);
  const std::time_t unix_seconds = whole.count();
  const auto ms = duration_cast<milliseconds>(since - whole).count();
  std::tm utc{};
  gmtime_r(&unix_seconds, &utc);
  return fmt::format(FMT_COMPILE("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z"), utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, ms);
}

}  // namespace mcpgate
