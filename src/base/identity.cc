#include "base/identity.h"

namespace mcpgate {

std::string_view to_string(AuthType type) {
  switch (type) {
    case AuthType::kApiKey:
      return "api_key";
    case AuthType::kDemoToken:
      return "demo_token";
    case AuthType::kAccessToken:
      return "access_token";
  }
  return "unknown";
}

}  // namespace mcpgate
