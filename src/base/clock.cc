#include "base/clock.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <ctime>

namespace mcpgate {

std::string format_rfc3339(WallTime time) {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::seconds;
  const auto since = time.time_since_epoch();
  const auto whole = std::chrono::floor<seconds>(since);
  // Records come by the thousand in one second: its calendar is worked out once a thread.
  thread_local std::time_t known_second = -1;
  thread_local std::string text;
  if (const std::time_t second = whole.count(); second != known_second || text.empty()) {
    std::tm utc{};
    gmtime_r(&second, &utc);
    text = fmt::format(FMT_COMPILE("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000Z"), utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
    known_second = second;
  }
  auto ms = duration_cast<milliseconds>(since - whole).count();
  for (std::size_t digit = text.size() - 2; text[digit] != '.'; --digit) {
    text[digit] = static_cast<char>('0' + ms % 10);
    ms /= 10;
  }
  return text;
}

namespace {

/// Takes `digits` digits from the front of `text`, or nothing.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  int number = 0;
  if (text.size() < digits) {
    return std::nullopt;
  }
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, std::string_view either) {
  const bool found = !text.empty() && either.contains(text[0]);
  text.remove_prefix(found ? 1 : 0);
  return found;
}

/// `.123456789` → microseconds, further digits dropped; 0 when there is no fraction.
std::optional<std::chrono::microseconds> take_fraction(std::string_view& text) {
  if (!take(text, ".")) {
    return std::chrono::microseconds(0);
  }
  std::int64_t us = 0;
  std::int64_t weight = 100'000;
  const std::size_t before = text.size();
  while (const auto digit = take_digits(text, 1)) {
    us += *digit * weight;
    weight /= 10;
  }
  return text.size() == before ? std::nullopt : std::optional(std::chrono::microseconds(us));
}

/// `Z`, `+01:00` or `-05:30` as what is to be subtracted.
std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
  if (take(text, "Zz")) {
    return std::chrono::minutes(0);
  }
  const bool is_negative = text.starts_with('-');
  if (!take(text, "+-")) {
    return std::nullopt;
  }
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23 || !take(text, ":")) {
    return std::nullopt;
  }
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59) {
    return std::nullopt;
  }
  const std::chrono::minutes offset(*hours * 60 + *minutes);
  return is_negative ? -offset : offset;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) {
    return std::nullopt;
  }
  const auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) {
    return std::nullopt;
  }
  const auto day = take_digits(text, 2);
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(day.value_or(0))));
  if (!date.ok() || *year < 1970 || *year > 2200) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date);
}

std::optional<std::chrono::seconds> take_time(std::string_view& text) {
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23 || !take(text, ":")) {
    return std::nullopt;
  }
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59 || !take(text, ":")) {
    return std::nullopt;
  }
  const auto seconds = take_digits(text, 2);
  if (!seconds || *seconds > 60) {  // 60: a leap second is the next minute's first
    return std::nullopt;
  }
  return std::chrono::seconds((*hours * 60 + *minutes) * 60 + *seconds);
}

}  // namespace

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  const auto date = take_date(text);
  if (!date) {
    return std::nullopt;
  }
  if (text.empty()) {
    return WallTime(*date);
  }
  if (!take(text, "Tt ")) {
    return std::nullopt;
  }
  const auto time = take_time(text);
  const auto fraction = take_fraction(text);
  const auto offset = take_offset(text);
  if (!time || !fraction || !offset || !text.empty()) {
    return std::nullopt;
  }
  return WallTime(*date) + *time + *fraction - *offset;
}

}  // namespace mcpgate
