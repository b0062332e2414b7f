#include "auth/key_record.h"

#include <algorithm>
#include <array>

#include "auth/api_key.h"
#include "base/encoding.h"
#include "json/parse.h"
#include "json/write.h"

namespace mcpgate::auth {
namespace {

constexpr std::array<std::string_view, 11> kFields{
    "id",         "sha256",  "user",        "roles", "created",      "expires",
    "not_before", "revoked", "replaced_by", "note",  "keycloak_user"};

/// Readable text within `length_max`.
/// Characters that change the order in which a reader sees the others (Unicode, UAX 9): a name with
/// them can look like another one.
bool has_bidi_control(std::string_view text) {
  constexpr std::string_view kControls[] = {"\u061C", "\u200E", "\u200F", "\u202A",
                                            "\u202B", "\u202C", "\u202D", "\u202E",
                                            "\u2066", "\u2067", "\u2068", "\u2069"};
  return std::ranges::any_of(kControls, [text](std::string_view c) { return text.contains(c); });
}

Expected<void> check_text(std::string_view field, std::string_view text, std::size_t length_max) {
  if (text.size() > length_max) {
    return fail(ErrorCode::kInvalidArgument, "{}: longer than {} bytes", field, length_max);
  }
  if (!is_utf8(text) || has_control_character(text) || has_bidi_control(text)) {
    return fail(ErrorCode::kInvalidArgument, "{}: not UTF-8 text without control characters",
                field);
  }
  return {};
}

Expected<std::string> read_string(json::Object object, std::string_view field) {
  const auto element = json::find(object, field);
  if (!element) {
    return std::string();
  }
  const auto text = json::as_string(*element);
  if (!text) {
    return fail(ErrorCode::kInvalidArgument, "{}: not a string", field);
  }
  return std::string(*text);
}

/// Absent is nothing.
Expected<std::optional<WallTime>> read_time(json::Object object, std::string_view field) {
  const std::string text = TRY(read_string(object, field));
  if (text.empty() && !json::find(object, field)) {
    return std::optional<WallTime>();
  }
  const auto time = parse_rfc3339(text);
  if (!time) {
    return fail(ErrorCode::kInvalidArgument, "{}: not a time in RFC 3339 of 1970 to 2200", field);
  }
  return time;
}

Expected<std::vector<std::string>> read_roles(json::Object object) {
  const auto array = json::array_at(object, "roles");
  if (!array) {
    return fail(ErrorCode::kInvalidArgument, "roles: not a list of strings");
  }
  std::vector<std::string> roles;
  for (const json::Element element : *array) {
    const auto role = json::as_string(element);
    if (!role) {
      return fail(ErrorCode::kInvalidArgument, "roles: not a list of strings");
    }
    roles.emplace_back(*role);
  }
  return roles;
}

Expected<Sha256Digest> read_digest(json::Object object) {
  const std::string text = TRY(read_string(object, "sha256"));
  const auto bytes = hex_decode(text);
  Sha256Digest digest{};
  if (!bytes || bytes->size() != digest.size()) {
    return fail(ErrorCode::kInvalidArgument, "sha256: not 64 hexadecimal digits");
  }
  std::ranges::copy(*bytes, digest.begin());
  return digest;
}

Expected<void> check_fields(json::Object object) {
  if (json::duplicate_key(object)) {
    return fail(ErrorCode::kInvalidArgument, "a field is there twice");
  }
  for (const auto& member : object) {
    if (std::ranges::find(kFields, member.key) == kFields.end()) {
      return fail(ErrorCode::kInvalidArgument, "an unknown field");
    }
  }
  return {};
}

}  // namespace

std::string_view to_string(KeyState state) {
  switch (state) {
    case KeyState::kActive:
      return "active";
    case KeyState::kNotYetValid:
      return "not-yet-valid";
    case KeyState::kExpired:
      return "expired";
    case KeyState::kRevoked:
      return "revoked";
  }
  return "unknown";
}

KeyState state_of(const KeyRecord& key, WallTime now) {
  if (key.revoked) {
    return KeyState::kRevoked;
  }
  if (key.expires && now >= *key.expires) {
    return KeyState::kExpired;
  }
  if (key.not_before && now < *key.not_before) {
    return KeyState::kNotYetValid;
  }
  return KeyState::kActive;
}

Expected<void> check_key_record(const KeyRecord& key) {
  if (!is_key_id(key.id)) {
    return fail(ErrorCode::kInvalidArgument, "id: not {} characters of a-z2-7", kKeyIdLength);
  }
  if (!key.replaced_by.empty() && !is_key_id(key.replaced_by)) {
    return fail(ErrorCode::kInvalidArgument, "replaced_by: not the id of a key");
  }
  if (key.user.empty()) {
    return fail(ErrorCode::kInvalidArgument, "user: empty");
  }
  TRY_VOID(check_text("user", key.user, kKeyUserLengthMax));
  TRY_VOID(check_text("note", key.note, kKeyNoteLengthMax));
  TRY_VOID(check_text("keycloak_user", key.keycloak_user, kKeyUserLengthMax));
  if (key.roles.size() > kKeyRolesMax) {
    return fail(ErrorCode::kInvalidArgument, "roles: more than {}", kKeyRolesMax);
  }
  for (const std::string& role : key.roles) {
    TRY_VOID(check_text("roles", role, kRoleLengthMax));
    if (role.empty() || role.find_first_of(", ") != std::string::npos) {
      return fail(ErrorCode::kInvalidArgument, "roles: an empty one, or one with a comma or space");
    }
  }
  return {};
}

std::string to_json(const KeyRecord& key) {
  std::string out;
  json::Writer writer(out, json::Layout::kPretty);
  const auto optional_time = [&writer](std::string_view field, const std::optional<WallTime>& at) {
    if (at) {
      writer.field(field, format_rfc3339(*at));
    }
  };
  const auto optional_text = [&writer](std::string_view field, const std::string& text) {
    if (!text.empty()) {
      writer.field(field, text);
    }
  };
  writer.begin_object().field("id", key.id).field("sha256", hex_encode(key.sha256));
  writer.field("user", key.user).key("roles").begin_array();
  for (const std::string& role : key.roles) {
    writer.value(role);
  }
  writer.end_array().field("created", format_rfc3339(key.created));
  optional_time("expires", key.expires);
  optional_time("not_before", key.not_before);
  optional_time("revoked", key.revoked);
  optional_text("replaced_by", key.replaced_by);
  optional_text("note", key.note);
  optional_text("keycloak_user", key.keycloak_user);
  writer.end_object();
  out += '\n';
  return out;
}

Expected<KeyRecord> parse_key_record(std::string_view json) {
  json::Parser parser(kKeyRecordBytesMax);
  const auto object = json::as_object(TRY(parser.parse(json)));
  if (!object) {
    return fail(ErrorCode::kInvalidArgument, "not a JSON object");
  }
  TRY_VOID(check_fields(*object));
  KeyRecord key;
  key.id = TRY(read_string(*object, "id"));
  key.sha256 = TRY(read_digest(*object));
  key.user = TRY(read_string(*object, "user"));
  key.roles = TRY(read_roles(*object));
  const std::optional<WallTime> created = TRY(read_time(*object, "created"));
  if (!created) {
    return fail(ErrorCode::kInvalidArgument, "created: missing");
  }
  key.created = *created;
  key.expires = TRY(read_time(*object, "expires"));
  key.not_before = TRY(read_time(*object, "not_before"));
  key.revoked = TRY(read_time(*object, "revoked"));
  key.replaced_by = TRY(read_string(*object, "replaced_by"));
  key.note = TRY(read_string(*object, "note"));
  key.keycloak_user = TRY(read_string(*object, "keycloak_user"));
  TRY_VOID(check_key_record(key));
  return key;
}

}  // namespace mcpgate::auth
