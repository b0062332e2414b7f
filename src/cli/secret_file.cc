#include "cli/secret_file.h"

#include "base/encoding.h"
#include "base/file.h"

namespace mcpgate::cli {

Expected<std::string> read_secret(const std::filesystem::path& file, std::string_view what) {
  std::string secret = TRY(read_file(file));
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) {
    secret.pop_back();
  }
  if (secret.empty() || has_control_character(secret)) {
    return fail(ErrorCode::kInvalidArgument, "{}: want one line with {}", file.string(), what);
  }
  return secret;
}

}  // namespace mcpgate::cli
