#include "auth/key_secret.h"

#include <algorithm>
#include <chrono>

#include "base/digest.h"
#include "base/encoding.h"
#include "json/write.h"

namespace mcpgate::auth {
namespace {

constexpr std::string_view kEntry = "key.json";
/// Of the 253 characters that a name may have.
constexpr std::size_t kUserInNameMax = 100;
/// Enough to tell apart users whose names look alike when written plainly.
constexpr std::size_t kUserDigestLength = 8;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string user_in_name(std::string_view user) {
  std::string plain;
  for (const char c : user.substr(0, kUserInNameMax)) {
    if (is_plain(lower(c))) {
      plain += lower(c);
    } else if (!plain.empty() && plain.back() != '-') {
      plain += '-';
    }
  }
  while (plain.ends_with('-')) {
    plain.pop_back();
  }
  if (plain == user) {
    return plain;
  }
  const std::string digest = hex_encode(sha256(user)).substr(0, kUserDigestLength);
  return plain.empty() ? digest : fmt::format("{}-{}", plain, digest);
}

void write_data(json::Writer& writer, const KeyRecord& key) {
  writer.key("data").begin_object();
  writer.field(kEntry, base64_encode(as_bytes(to_json(key)))).end_object();
}

Expected<KeyRecord> read_record(json::Object secret, json::Object metadata) {
  const auto data = json::object_at(secret, "data");
  const auto entry = data ? json::string_at(*data, kEntry) : std::nullopt;
  if (!entry) {
    return fail(ErrorCode::kInvalidArgument, "its data has no {}", kEntry);
  }
  const auto bytes = base64_decode(*entry);
  if (!bytes) {
    return fail(ErrorCode::kInvalidArgument, "{}: not base64", kEntry);
  }
  KeyRecord key =
      TRY(parse_key_record({reinterpret_cast<const char*>(bytes->data()), bytes->size()}));
  const auto labels = json::object_at(metadata, "labels");
  if (!labels || json::string_at(*labels, kKeyIdLabel) != key.id) {
    return fail(ErrorCode::kInvalidArgument, "the label {} is not the key's id", kKeyIdLabel);
  }
  return key;
}

}  // namespace

std::string key_secret_name(std::string_view user, WallTime created) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(created.time_since_epoch());
  return fmt::format("mcp-api-key-{}-{}", user_in_name(user), since.count());
}

std::string key_secret_json(std::string_view name, const KeyRecord& key) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().field("apiVersion", "v1").field("kind", "Secret");
  writer.key("metadata").begin_object().field("name", name);
  writer.key("labels").begin_object().field("app", "mcp-api-key").field(kKeyIdLabel, key.id);
  writer.end_object().end_object().field("type", "Opaque");
  write_data(writer, key);
  writer.end_object();
  return out;
}

std::string key_secret_patch(std::string_view resource_version, const KeyRecord& key) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("metadata").begin_object();
  writer.field("resourceVersion", resource_version).end_object();
  write_data(writer, key);
  writer.end_object();
  return out;
}

Expected<KeySecret> parse_key_secret(json::Object secret) {
  const auto metadata = json::object_at(secret, "metadata");
  const auto name = metadata ? json::string_at(*metadata, "name") : std::nullopt;
  const auto version = metadata ? json::string_at(*metadata, "resourceVersion") : std::nullopt;
  if (!name || name->empty() || !version) {
    return fail(ErrorCode::kInvalidArgument, "not a Secret: no name or no version");
  }
  return KeySecret{.name = std::string(*name),
                   .resource_version = std::string(*version),
                   .record = read_record(secret, *metadata)};
}

}  // namespace mcpgate::auth
