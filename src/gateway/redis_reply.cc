#include "gateway/redis_reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
/// The null bulk string.
constexpr std::string_view kNullLength = "-1";
/// Redis' own are shorter.
constexpr std::size_t kCodeBytesMax = 24;

std::unexpected<Error> no_reply() {
  return fail(ErrorCode::kInvalidArgument, "what it sends is no reply to what was asked");
}

/// The code that an error begins with, or `an error`.
std::string_view code_of(std::string_view error) {
  const auto end = std::ranges::find_if_not(error, [](char c) { return c >= 'A' && c <= 'Z'; });
  const std::string_view code = error.substr(0, static_cast<std::size_t>(end - error.begin()));
  return code.empty() || code.size() > kCodeBytesMax ? "an error" : code;
}

Expected<RedisReply> read_line(char kind, std::string_view line) {
  switch (kind) {
    case '+':
      return RedisReply{.kind = RedisReply::Kind::kStatus, .text = line};
    case '-':
      return RedisReply{.kind = RedisReply::Kind::kError, .text = code_of(line)};
    case ':': {
      RedisReply reply{.kind = RedisReply::Kind::kInteger};
      const char* const end = line.data() + line.size();
      const auto [stop, error] = std::from_chars(line.data(), end, reply.integer);
      if (line.empty() || error != std::errc() || stop != end) {
        return no_reply();
      }
      return reply;
    }
    default:
      if (kind == '$' && line == kNullLength) {
        return RedisReply{};
      }
      return no_reply();
  }
}

}  // namespace

void add_redis_command(std::string& out, std::initializer_list<std::string_view> words) {
  fmt::format_to(std::back_inserter(out), "*{}\r\n", words.size());
  for (const std::string_view word : words) {
    fmt::format_to(std::back_inserter(out), "${}\r\n{}\r\n", word.size(), word);
  }
}

Expected<std::optional<RedisReply>> take_redis_reply(std::string_view& bytes) {
  if (bytes.empty()) {
    return std::nullopt;
  }
  if (!std::string_view("+-:$").contains(bytes.front())) {
    return no_reply();
  }
  const std::size_t end = bytes.find(kLineEnd);
  // Half of the line end of the longest one may have come.
  if (end == std::string_view::npos ? bytes.size() > kRedisReplyBytesMax + 1
                                    : end > kRedisReplyBytesMax) {
    return fail(ErrorCode::kResourceExhausted, "a reply has more than {} bytes",
                kRedisReplyBytesMax);
  }
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const RedisReply reply = TRY(read_line(bytes.front(), bytes.substr(1, end - 1)));
  bytes.remove_prefix(end + kLineEnd.size());
  return reply;
}

}  // namespace mcpgate::gateway
