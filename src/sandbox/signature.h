#pragma once

// How the gateway proves to a sandbox daemon, and one replica to another, that a request is its
// own.
//
//   Mcpgate-Signature: v1;key=ID;t=UNIX_MS;mac=HEX
//   Mcpgate-Instance: the daemon's random start id for which the request was signed
//   Mcpgate-Call: the id of the call on /execute, elsewhere a random one, so that two equal
//     requests of one millisecond are not taken for a replay
//
// mac = HMAC-SHA256 over `v1\nMETHOD\nPATH\nt\ncallId\ninstance\nSHA256(body) in hex`. PATH is the
// request target as sent, query included. A reading request (GET) may be signed for the empty
// instance, since the first one is how the client learns which instance it talks to; one that
// starts or ends something must name the instance, so that a replay fails elsewhere and after a
// restart.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/random.h"
#include "http/message.h"

namespace mcpgate::sandbox {

inline constexpr std::string_view kSignatureHeader = "Mcpgate-Signature";
inline constexpr std::string_view kInstanceHeader = "Mcpgate-Instance";
inline constexpr std::string_view kCallHeader = "Mcpgate-Call";

/// How far a signature's time may be from the daemon's clock, either way.
inline constexpr std::chrono::seconds kSignatureAgeMax{30};

/// One shared secret of gateway and daemon.
struct SigningKey {
  /// Public: the first 16 hex characters of the SHA-256 of the secret.
  std::string id;
  /// 32 bytes.
  std::string secret;
};

/// The keys of one tool set: the first signs, all verify. More than one while rotating.
class SigningKeys {
 public:
  /// Reads key files: text, one key a line, each 32 bytes in base64url (43 characters). Blank lines
  /// and lines that start with `#` are skipped. Errors name file and line, never the bytes; a file
  /// that others may read (mode & 007) is kFailedPrecondition.
  [[nodiscard]] static Expected<SigningKeys> load(std::span<const std::filesystem::path> files);
  /// The same of one file's text; `name` is for errors.
  [[nodiscard]] static Expected<SigningKeys> parse(std::string_view text, std::string_view name);
  /// The text of a new key file with one fresh key.
  [[nodiscard]] static std::string create_text(Random& random);

  [[nodiscard]] const SigningKey& signing() const { return keys_.front(); }
  [[nodiscard]] const SigningKey* find(std::string_view id) const;
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

 private:
  explicit SigningKeys(std::vector<SigningKey> keys) : keys_(std::move(keys)) {}
  std::vector<SigningKey> keys_;  // Never empty.
};

/// What a signature covers. Views borrow from the caller.
struct SignedRequest {
  std::string_view method;
  std::string_view path;
  std::string_view call_id;
  std::string_view instance;
  std::string_view body;
};

/// The value of `Mcpgate-Signature` for a request that is sent now.
[[nodiscard]] std::string sign(const SigningKey& key, const SignedRequest& request, WallTime now);

/// The headers of a request that is signed now: those above, and `others` before them, three at
/// most. What `request` and `others` view must outlive it, and it stays where it was made.
class SignedHeaders {
 public:
  SignedHeaders(const SigningKey& key, const SignedRequest& request, WallTime now,
                std::span<const http::Header> others = {});
  SignedHeaders(const SignedHeaders&) = delete;
  SignedHeaders& operator=(const SignedHeaders&) = delete;
  ~SignedHeaders() = default;

  [[nodiscard]] std::span<const http::Header> view() const { return {headers_.data(), count_}; }

 private:
  static constexpr std::size_t kHeadersMax = 6;
  void add(const http::Header& header);

  std::string signature_;
  std::array<http::Header, kHeadersMax> headers_;
  std::size_t count_ = 0;
};

/// Why a request is refused before its body is looked at; also the metric's label.
enum class Refusal {
  kUnsigned,       ///< No signature, or not of the form above. 401.
  kUnknownKey,     ///< 401.
  kWrongMac,       ///< 401.
  kOld,            ///< Its time is too far from our clock. 401.
  kOtherInstance,  ///< Rightly signed, but for another start of a daemon. 409.
  kReplayed,       ///< This very signature was here before. 409.
  kReplayFull,     ///< No room to remember another signature. 503.
};
inline constexpr std::size_t kRefusals = 7;

/// `unsigned`, `unknown_key`, `wrong_mac`, `old`, `other_instance`, `replayed`, `replay_full`.
[[nodiscard]] std::string_view to_string(Refusal refusal);
/// The status that answers it, as above.
[[nodiscard]] int status_of(Refusal refusal);

/// Remembers the signatures of the last minute, so that each is used once.
///
/// Bounded by time and count: at the bound it refuses rather than forget, since a forgotten
/// signature could be used again.
class ReplayGuard {
 public:
  /// 1000 requests a second over the minute for which a signature can be valid, 10 MiB.
  static constexpr std::size_t kEntriesMax = 60'000;

  explicit ReplayGuard(const Clock& clock, std::size_t entries_max = kEntriesMax)
      : clock_(clock), entries_max_(entries_max) {}

  /// Nothing, where `mac` is new and now remembered.
  [[nodiscard]] std::optional<Refusal> admit(const Sha256Digest& mac);
  [[nodiscard]] std::size_t size() const { return order_.size(); }

 private:
  struct Hash {
    /// A MAC is uniformly distributed already.
    std::size_t operator()(const Sha256Digest& mac) const;
  };
  struct Entry {
    SteadyTime forget_at;
    Sha256Digest mac;
  };

  const Clock& clock_;
  std::size_t entries_max_;
  std::deque<Entry> order_;  // Oldest first.
  std::unordered_set<Sha256Digest, Hash> seen_;
};

/// The daemon's side: checks signature, key, time, instance and replay, in this order.
class Verifier {
 public:
  /// `clock` outlives it; `replays_max` are the signatures of a minute that it remembers.
  Verifier(SigningKeys keys, std::string instance, const Clock& clock,
           std::size_t replays_max = ReplayGuard::kEntriesMax);

  /// `signature` is the header's value, empty where it is missing; `request.instance` is what the
  /// request claims. Nothing, where the request may proceed.
  [[nodiscard]] std::optional<Refusal> check(std::string_view signature,
                                             const SignedRequest& request);
  /// The same of a request with its headers. One of them twice is kUnsigned: two fields of one name
  /// could be read differently by whoever stands between.
  [[nodiscard]] std::optional<Refusal> check(const http::Request& request);
  /// The keys from now on. Replays of what the old ones signed stay refused.
  void replace_keys(SigningKeys keys) { keys_ = std::move(keys); }
  [[nodiscard]] const std::string& instance() const { return instance_; }

 private:
  SigningKeys keys_;
  std::string instance_;
  const Clock& clock_;
  ReplayGuard replay_;
};

}  // namespace mcpgate::sandbox
