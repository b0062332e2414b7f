#pragma once

// Who asks for what, and the answer: plain values that every layer may speak of.

#include <string>
#include <string_view>
#include <vector>

namespace mcpgate {

/// How a principal proved who it is.
enum class AuthType { kApiKey, kDemoToken, kAccessToken };

/// `api_key`, `demo_token` or `access_token`: the audit field `auth_type`.
[[nodiscard]] std::string_view to_string(AuthType type);

/// An authenticated caller.
struct Principal {
  /// The readable name, shown in records; not an identity.
  std::string user;
  /// Issuer and subject together are the identity. A key's issuer is `mcpgate:keys`.
  std::string issuer;
  std::string subject;
  AuthType auth_type = AuthType::kApiKey;
  /// The public id of the API key; empty for other credentials.
  std::string key_id;
  std::vector<std::string> roles;
  /// What an access token is good for beside its roles; other credentials have none, and need none.
  std::vector<std::string> scopes = {};

  friend bool operator==(const Principal&, const Principal&) = default;
};

/// What a principal wants to do: use one tool. Views borrow from the caller.
struct Action {
  std::string_view tool_set;
  std::string_view tool;
  /// What the tool says of itself: `annotations.readOnlyHint`.
  bool read_only = false;
};

/// The answer of the one decision function, and why.
struct Decision {
  bool allowed = false;
  /// For the audit and `explain`, never for the client: `requiredRole mcp-dba`, `role mcp-admin`,
  /// or `no grant`. Borrowed from the policy that decided; copy what must live longer.
  std::string_view reason;
  /// All that an access token needs for this, where one with these would be allowed and this one
  /// lacks some; else null. Borrowed likewise.
  const std::vector<std::string>* scopes = nullptr;
};

}  // namespace mcpgate
