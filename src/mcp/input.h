#pragma once

// What a server asks of the client that called it, in the words of 2026-07-28
// (basic/patterns/mrtr): `inputRequests`, each a request of MCP under a key, and `inputResponses`.
// The legacy revisions send the same requests one by one.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json/parse.h"

namespace mcpgate::mcp {

/// What a client can be asked for.
enum class InputKind { kForm, kUrl, kSampling, kRoots };

/// `elicitation/create`, `sampling/createMessage` or `roots/list`.
[[nodiscard]] std::string_view method_of(InputKind kind);

/// What a client says it can be asked: `capabilities` of `initialize`, `clientCapabilities` of the
/// modern envelope.
class ClientCapabilities {
 public:
  ClientCapabilities() = default;
  /// Members that are not known are passed over; `elicitation: {}` means forms.
  [[nodiscard]] static ClientCapabilities read(json::Object capabilities);

  [[nodiscard]] bool has(InputKind kind) const;
  void add(InputKind kind);
  /// As a ClientCapabilities object of MCP: `{"elicitation":{"url":{}},"sampling":{}}`.
  [[nodiscard]] std::string to_json() const;

  /// A word of their letters, such as `fs`, for what a client carries for us.
  [[nodiscard]] std::string to_word() const;
  [[nodiscard]] static ClientCapabilities from_word(std::string_view word);

  [[nodiscard]] bool empty() const { return bits_ == 0; }
  friend bool operator==(const ClientCapabilities&, const ClientCapabilities&) = default;

 private:
  unsigned bits_ = 0;
};

/// Requests of one question, and bytes of a key, at most: a person answers them.
inline constexpr std::size_t kInputRequestsMax = 16;
inline constexpr std::size_t kInputKeyBytesMax = 64;

/// One request. Views borrow from what it was read from.
struct InputRequest {
  std::string_view key;
  InputKind kind = InputKind::kForm;
  /// An object, and its bytes.
  json::Object params;
  std::string_view params_json;
};

/// The members of an `inputRequests` object, of which `text` are the bytes: hostile input.
/// kInvalidArgument names what is wrong with which of them: a form that is no flat object, a URL
/// that is not https, messages that are none, a key that is there twice.
[[nodiscard]] Expected<std::vector<InputRequest>> read_input_requests(json::Element requests,
                                                                      std::string_view text);

/// Whether a client's response is one to that request: hostile input. kInvalidArgument is for the
/// client; the values of a form are checked by its schema.
[[nodiscard]] Expected<void> check_input_response(const InputRequest& request,
                                                  json::Element response);

/// One response, as JSON bytes.
struct InputResponse {
  std::string_view key;
  std::string_view json;
};

/// Those members of an `inputResponses` object, of which `text` are the bytes, that answer one of
/// `requests`, in their order: hostile input, of which nothing else is looked at. Views borrow from
/// both.
[[nodiscard]] std::vector<InputResponse> fitting_responses(
    const std::vector<InputRequest>& requests, std::string_view text);

/// `{"inputResponses":{…}}`.
[[nodiscard]] std::string write_input_responses(const std::vector<InputResponse>& responses);

}  // namespace mcpgate::mcp
