#pragma once

// The answers of the daemon's HTTP routes, whole.

#include <string>
#include <string_view>

#include "base/error.h"
#include "http/message.h"

namespace mcpgate::sandboxd {

/// `text` and a line feed.
[[nodiscard]] http::Response text_response(int status, std::string_view text);
/// 200.
[[nodiscard]] http::Response json_response(std::string body);
/// `{"error":"why"}`.
[[nodiscard]] http::Response error_response(int status, std::string_view why);
/// 204: done, nothing to say.
[[nodiscard]] http::Response done_response();

/// What a request that starts nothing gets: `error`'s words, and where trying again may help, when.
[[nodiscard]] http::Response turned_away_response(const Error& error);

}  // namespace mcpgate::sandboxd
