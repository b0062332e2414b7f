#include "sandbox/signature.h"

#include <sys/stat.h>

#include <charconv>
#include <cstring>

#include "base/encoding.h"
#include "base/file.h"

namespace mcpgate::sandbox {

namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kKeyIdCharacters = 16;
/// While rotating two keys are enough; more is a mistake worth naming.
constexpr std::size_t kKeysMax = 8;
/// A mac is remembered as long as its signature could be accepted: it may be kSignatureAgeMax ahead
/// of our clock when it arrives, and is accepted until as long after its own time.
constexpr std::chrono::seconds kRememberFor = 2 * kSignatureAgeMax + std::chrono::seconds{1};

std::int64_t unix_ms(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

Sha256Digest mac_of(const SigningKey& key, const SignedRequest& request, std::string_view time) {
  const HexDigest body_digest(sha256(request.body));
  std::string text;
  text.reserve(160 + request.path.size());
  for (const std::string_view part : {std::string_view("v1"), request.method, request.path, time,
                                      request.call_id, request.instance, body_digest.view()}) {
    text.append(part);
    text.push_back('\n');
  }
  text.pop_back();
  return hmac_sha256(key.secret, text);
}

/// The parts of a signature header. Views borrow from the header.
struct ParsedSignature {
  std::string_view key_id;
  std::string_view time;
  std::int64_t time_ms = 0;
  Sha256Digest mac{};
};

/// Takes `prefix` and what follows it up to the next ';' or the end.
std::optional<std::string_view> take_field(std::string_view& rest, std::string_view prefix) {
  if (!rest.starts_with(prefix)) {
    return std::nullopt;
  }
  rest.remove_prefix(prefix.size());
  const std::size_t end = rest.find(';');
  const std::string_view value = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return value;
}

std::optional<ParsedSignature> parse_signature(std::string_view header) {
  ParsedSignature parsed;
  if (!header.starts_with("v1;")) {
    return std::nullopt;
  }
  header.remove_prefix(3);
  const auto key_id = take_field(header, "key=");
  const auto time = key_id ? take_field(header, "t=") : std::nullopt;
  if (!time || !header.starts_with("mac=")) {
    return std::nullopt;
  }
  header.remove_prefix(4);
  const auto bytes = hex_decode(header);
  if (!bytes || bytes->size() != parsed.mac.size()) {
    return std::nullopt;
  }
  const char* const end = time->data() + time->size();
  const auto [stop, error] = std::from_chars(time->data(), end, parsed.time_ms);
  if (error != std::errc{} || stop != end || parsed.time_ms < 0) {
    return std::nullopt;
  }
  std::memcpy(parsed.mac.data(), bytes->data(), parsed.mac.size());
  parsed.key_id = *key_id;
  parsed.time = *time;
  return parsed;
}

}  // namespace

Expected<SigningKeys> SigningKeys::parse(std::string_view text, std::string_view name) {
  std::vector<SigningKey> keys;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (line.empty() || line.starts_with('#')) {
      continue;
    }
    const auto secret = base64url_decode(line);
    if (!secret || secret->size() != kSecretBytes) {
      return fail(ErrorCode::kInvalidArgument,
                  "{}:{}: not a signing key: want 32 bytes in base64url (43 characters)", name,
                  line_number);
    }
    if (keys.size() == kKeysMax) {
      return fail(ErrorCode::kInvalidArgument, "{}: more than {} signing keys", name, kKeysMax);
    }
    std::string bytes(secret->begin(), secret->end());
    std::string id = sha256_hex(bytes).substr(0, kKeyIdCharacters);
    keys.push_back({.id = std::move(id), .secret = std::move(bytes)});
  }
  if (keys.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{}: holds no signing key", name);
  }
  return SigningKeys(std::move(keys));
}

Expected<SigningKeys> SigningKeys::load(std::span<const std::filesystem::path> files) {
  std::vector<SigningKey> all;
  for (const auto& file : files) {
    TRY_VOID(refuse_open_to_others(file, "a signing key"));
    const std::string text = TRY(read_file(file));
    SigningKeys keys = TRY(parse(text, file.string()));
    std::move(keys.keys_.begin(), keys.keys_.end(), std::back_inserter(all));
  }
  if (all.empty()) {
    return fail(ErrorCode::kInvalidArgument, "no signing key file given");
  }
  return SigningKeys(std::move(all));
}

std::string SigningKeys::create_text(Random& random) {
  std::array<std::uint8_t, kSecretBytes> secret{};
  random.fill(secret);
  return base64url_encode(secret) + "\n";
}

const SigningKey* SigningKeys::find(std::string_view id) const {
  for (const SigningKey& key : keys_) {
    if (key.id == id) {
      return &key;
    }
  }
  return nullptr;
}

std::string sign(const SigningKey& key, const SignedRequest& request, WallTime now) {
  const std::string time = fmt::format("{}", unix_ms(now));
  const HexDigest mac(mac_of(key, request, time));
  std::string header;
  header.reserve(3 + 5 + kKeyIdCharacters + 3 + time.size() + 5 + mac.view().size());
  return header.append("v1;key=").append(key.id).append(";t=").append(time).append(";mac=").append(
      mac.view());
}

SignedHeaders::SignedHeaders(const SigningKey& key, const SignedRequest& request, WallTime now,
                             std::span<const http::Header> others)
    : signature_(sign(key, request, now)) {
  for (const http::Header& header : others) {
    add(header);
  }
  add({kSignatureHeader, signature_});
  if (!request.instance.empty()) {
    add({kInstanceHeader, request.instance});
  }
  add({kCallHeader, request.call_id});
}

void SignedHeaders::add(const http::Header& header) {
  MCPGATE_ASSERT(count_ < headers_.size());
  headers_.at(count_++) = header;
}

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::kUnsigned:
      return "unsigned";
    case Refusal::kUnknownKey:
      return "unknown_key";
    case Refusal::kWrongMac:
      return "wrong_mac";
    case Refusal::kOld:
      return "old";
    case Refusal::kOtherInstance:
      return "other_instance";
    case Refusal::kReplayed:
      return "replayed";
    case Refusal::kReplayFull:
      return "replay_full";
  }
  return "unsigned";
}

int status_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kOtherInstance:
    case Refusal::kReplayed:
      return 409;
    case Refusal::kReplayFull:
      return 503;
    default:
      return 401;
  }
}

std::size_t ReplayGuard::Hash::operator()(const Sha256Digest& mac) const {
  std::size_t hash = 0;
  std::memcpy(&hash, mac.data(), sizeof hash);
  return hash;
}

std::optional<Refusal> ReplayGuard::admit(const Sha256Digest& mac) {
  const SteadyTime now = clock_.steady_now();
  while (!order_.empty() && order_.front().forget_at <= now) {
    seen_.erase(order_.front().mac);
    order_.pop_front();
  }
  if (seen_.contains(mac)) {
    return Refusal::kReplayed;
  }
  if (order_.size() >= entries_max_) {
    return Refusal::kReplayFull;
  }
  seen_.insert(mac);
  order_.push_back({.forget_at = now + kRememberFor, .mac = mac});
  return std::nullopt;
}

Verifier::Verifier(SigningKeys keys, std::string instance, const Clock& clock,
                   std::size_t replays_max)
    : keys_(std::move(keys)),
      instance_(std::move(instance)),
      clock_(clock),
      replay_(clock, replays_max) {}

std::optional<Refusal> Verifier::check(const http::Request& request) {
  for (const std::string_view name : {kSignatureHeader, kInstanceHeader, kCallHeader}) {
    if (request.header_count(name) > 1) {
      return Refusal::kUnsigned;
    }
  }
  return check(request.header(kSignatureHeader).value_or(""),
               {.method = request.method,
                .path = request.target,
                .call_id = request.header(kCallHeader).value_or(""),
                .instance = request.header(kInstanceHeader).value_or(""),
                .body = request.body});
}

std::optional<Refusal> Verifier::check(std::string_view signature, const SignedRequest& request) {
  const auto parsed = parse_signature(signature);
  if (!parsed) {
    return Refusal::kUnsigned;
  }
  const SigningKey* key = keys_.find(parsed->key_id);
  if (key == nullptr) {
    return Refusal::kUnknownKey;
  }
  if (!equal_in_constant_time(mac_of(*key, request, parsed->time), parsed->mac)) {
    return Refusal::kWrongMac;
  }
  const std::chrono::milliseconds age{unix_ms(clock_.wall_now()) - parsed->time_ms};
  if (age > kSignatureAgeMax || age < -kSignatureAgeMax) {
    return Refusal::kOld;
  }
  const bool first_contact = request.instance.empty() && request.method == "GET";
  if (request.instance != instance_ && !first_contact) {
    return Refusal::kOtherInstance;
  }
  return replay_.admit(parsed->mac);
}

}  // namespace mcpgate::sandbox
