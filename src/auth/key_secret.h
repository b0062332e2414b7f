#pragma once

#include <string>
#include <string_view>

#include "auth/key_record.h"
#include "base/error.h"
#include "json/parse.h"

namespace mcpgate::auth {

/// The labels of a Secret that holds an API key: what it is, and the key's public id. A label holds
/// neither a comma nor `@`, so that nothing else is in one.
inline constexpr std::string_view kKeySecretSelector = "app=mcp-api-key";
inline constexpr std::string_view kKeyIdLabel = "mcpgate.io/key-id";

/// A Kubernetes Secret as the API shows it (core/v1), as far as a key is concerned.
struct KeySecret {
  std::string name;
  std::string resource_version;
  /// The entry `key.json` of its data, the same JSON as a file of the directory store; or what is
  /// wrong with it, without its content.
  Expected<KeyRecord> record;
};

/// `mcp-api-key-<user>-<Unix milliseconds>`. A user that a name in Kubernetes cannot hold (RFC
/// 1123) stands there in lower case with each run of other characters as `-`, cut, and with eight
/// digits of its SHA-256, so that two users do not meet; the record has it whole.
[[nodiscard]] std::string key_secret_name(std::string_view user, WallTime created);

/// The Secret to create.
[[nodiscard]] std::string key_secret_json(std::string_view name, const KeyRecord& key);

/// A JSON merge patch (RFC 7386) that sets the record, and fails with a conflict unless the Secret
/// is still as `resource_version` had it.
[[nodiscard]] std::string key_secret_patch(std::string_view resource_version, const KeyRecord& key);

/// An error where `secret` has no name and version: the API would not send that.
[[nodiscard]] Expected<KeySecret> parse_key_secret(json::Object secret);

}  // namespace mcpgate::auth
