#include "auth/key_secrets.h"

#include <utility>
#include <vector>

#include "auth/key_store.h"
#include "base/encoding.h"
#include "base/log.h"

namespace mcpgate::auth {
namespace {

constexpr std::int64_t kGone = 410;

/// A Secret's name for logs: the API checks names, but who knows what answers in its place.
std::string printable(std::string_view name) {
  return has_control_character(name) ? "with an impossible name" : std::string(name);
}

}  // namespace

KeySecrets::KeySecrets() : parser_(kSecretsPageBytesMax) {}

Expected<void> KeySecrets::put(KeySecret secret) {
  if (!secret.record) {
    log_warn("Secret {} is skipped: {}", printable(secret.name), secret.record.error().message);
  }
  std::optional<KeyRecord> record;
  if (secret.record) {
    record = *std::move(secret.record);
  }
  secrets_.insert_or_assign(std::move(secret.name), std::move(record));
  if (secrets_.size() > kKeysMax) {
    return fail(ErrorCode::kResourceExhausted, "more than {} keys", kKeysMax);
  }
  return {};
}

Expected<std::string> KeySecrets::add_page(std::string_view json) {
  const auto list = json::as_object(TRY(parser_.parse(json)));
  const auto metadata = list ? json::object_at(*list, "metadata") : std::nullopt;
  const auto items = list ? json::array_at(*list, "items") : std::nullopt;
  const auto version = metadata ? json::string_at(*metadata, "resourceVersion") : std::nullopt;
  if (!items || !version) {
    return fail(ErrorCode::kInvalidArgument, "its answer is not a list of Secrets");
  }
  for (const json::Element item : *items) {
    const auto secret = json::as_object(item);
    if (!secret) {
      return fail(ErrorCode::kInvalidArgument, "its answer is not a list of Secrets");
    }
    KeySecret parsed = TRY(parse_key_secret(*secret));
    TRY_VOID(put(std::move(parsed)));
  }
  resource_version_ = *version;
  std::string next(json::string_at(*metadata, "continue").value_or(""));
  parser_.release();
  return next;
}

Expected<bool> KeySecrets::feed(std::string_view bytes) {
  bool changed = false;
  while (true) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (pending_.size() + piece.size() > kWatchEventBytesMax) {
      return fail(ErrorCode::kResourceExhausted, "an event of more than {} bytes",
                  kWatchEventBytesMax);
    }
    pending_.append(piece);
    if (end == std::string_view::npos) {
      return changed;
    }
    bytes.remove_prefix(end + 1);
    if (!pending_.empty()) {
      changed |= TRY(apply(pending_));
      pending_.clear();
    }
  }
}

Expected<bool> KeySecrets::apply(std::string_view event) {
  const auto body = json::as_object(TRY(parser_.parse(event)));
  const auto type = body ? json::string_at(*body, "type") : std::nullopt;
  const auto object = body ? json::object_at(*body, "object") : std::nullopt;
  if (!type || !object) {
    return fail(ErrorCode::kInvalidArgument, "an event without type or object");
  }
  if (*type == "ERROR") {
    return json::int_at(*object, "code") == kGone
               ? fail(ErrorCode::kOutOfRange, "the watch's version is too old")
               : fail(ErrorCode::kUnavailable, "the watch failed at the server");
  }
  if (*type == "BOOKMARK") {
    const auto metadata = json::object_at(*object, "metadata");
    const auto version = metadata ? json::string_at(*metadata, "resourceVersion") : std::nullopt;
    if (!version) {
      return fail(ErrorCode::kInvalidArgument, "a bookmark without a version");
    }
    resource_version_ = *version;
    return false;
  }
  KeySecret secret = TRY(parse_key_secret(*object));
  resource_version_ = secret.resource_version;
  if (*type == "DELETED") {
    return secrets_.erase(secret.name) > 0;
  }
  if (*type != "ADDED" && *type != "MODIFIED") {
    return fail(ErrorCode::kInvalidArgument, "an event of an unknown type");
  }
  TRY_VOID(put(std::move(secret)));
  return true;
}

std::shared_ptr<const KeyTable> KeySecrets::table() {
  std::map<std::string_view, std::size_t> claims;
  for (const auto& [name, record] : secrets_) {
    if (record) {
      ++claims[record->id];
    }
  }
  std::vector<KeyRecord> keys;
  std::set<std::string, std::less<>> ambiguous;
  std::size_t skipped = 0;
  for (const auto& [name, record] : secrets_) {
    const bool is_sole = record && claims[record->id] == 1;
    if (is_sole) {
      keys.push_back(*record);
      continue;
    }
    ++skipped;
    if (record && ambiguous.insert(record->id).second && !ambiguous_.contains(record->id)) {
      log_warn("key {} is in several Secrets, one of them {}: none counts", record->id,
               printable(name));
    }
  }
  ambiguous_ = std::move(ambiguous);
  return std::make_shared<const KeyTable>(std::move(keys), skipped);
}

}  // namespace mcpgate::auth
