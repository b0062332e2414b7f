#include "mcp/input.h"

#include <algorithm>
#include <array>
#include <optional>

#include "json/raw.h"
#include "json/schema.h"
#include "json/write.h"

namespace mcpgate::mcp {

namespace {

constexpr std::array kKinds{InputKind::kForm, InputKind::kUrl, InputKind::kSampling,
                            InputKind::kRoots};
constexpr std::string_view kLetters = "fusr";
constexpr std::string_view kElicitation = "elicitation/create";

std::unexpected<Error> invalid(std::string_view key, std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "{}: {}", key, what);
}

/// What a field of a form may be (client/elicitation, "Requested Schema").
bool is_form_field(json::Element field) {
  constexpr std::array<std::string_view, 5> kTypes{"string", "number", "integer", "boolean",
                                                   "array"};  // of choices
  const auto object = json::as_object(field);
  const auto type = object ? json::string_at(*object, "type") : std::nullopt;
  return type && std::ranges::find(kTypes, *type) != kTypes.end() &&
         !json::find(*object, "properties");
}

Expected<void> check_form(std::string_view key, json::Object params) {
  const auto element = json::find(params, "requestedSchema");
  const auto schema = element ? json::as_object(*element) : std::nullopt;
  const auto properties = schema ? json::object_at(*schema, "properties") : std::nullopt;
  if (!json::string_at(params, "message") || !element || !schema || !properties ||
      json::string_at(*schema, "type") != "object") {
    return invalid(key, "a form wants message, and requestedSchema of an object with properties");
  }
  for (const auto& [name, field] : *properties) {
    if (!is_form_field(field)) {
      return invalid(key, fmt::format("{}: a field of a form is a string, number, integer, "
                                      "boolean, or a list of choices",
                                      name));
    }
  }
  const auto compiled = json::Schema::compile(*element);
  return compiled ? Expected<void>{} : invalid(key, compiled.error().message);
}

Expected<void> check_url(std::string_view key, json::Object params) {
  const auto url = json::string_at(params, "url");
  const bool good = url && url->starts_with("https://") &&
                    std::ranges::all_of(*url, [](char c) { return c > ' ' && c < '\x7f'; });
  return good && json::string_at(params, "message")
             ? Expected<void>{}
             : invalid(key, "to open a page wants message, and a url that starts with https://");
}

Expected<void> check_sampling(std::string_view key, json::Object params) {
  const auto messages = json::array_at(params, "messages");
  const auto tokens = json::int_at(params, "maxTokens");
  return messages && messages->size() > 0 && tokens && *tokens > 0
             ? Expected<void>{}
             : invalid(key, "sampling wants messages, and maxTokens above 0");
}

Expected<InputRequest> read_request(const json::Member& member) {
  const auto request = json::as_object(member.value);
  const auto params = request ? json::find_member(*request, member.raw, "params") : std::nullopt;
  const auto members = params ? json::as_object(params->value) : std::nullopt;
  const auto method = request ? json::string_at(*request, "method") : std::nullopt;
  if (member.key.empty() || member.key.size() > kInputKeyBytesMax) {
    return fail(ErrorCode::kInvalidArgument, "a key has 1 to {} bytes", kInputKeyBytesMax);
  }
  if (!method || !members) {
    return invalid(member.key, "a request wants method, and an object as params");
  }
  InputRequest read{.key = member.key, .params = *members, .params_json = params->raw};
  if (*method == kElicitation && json::string_at(*members, "mode") == "url") {
    read.kind = InputKind::kUrl;
    TRY_VOID(check_url(member.key, *members));
  } else if (*method == kElicitation) {
    read.kind = InputKind::kForm;
    TRY_VOID(check_form(member.key, *members));
  } else if (*method == method_of(InputKind::kSampling)) {
    read.kind = InputKind::kSampling;
    TRY_VOID(check_sampling(member.key, *members));
  } else if (*method == method_of(InputKind::kRoots)) {
    read.kind = InputKind::kRoots;
  } else {
    return invalid(member.key,
                   "a client can be asked by elicitation/create, "
                   "sampling/createMessage and roots/list");
  }
  return read;
}

Expected<void> check_elicited(const InputRequest& request, json::Object response) {
  const auto action = json::string_at(response, "action");
  if (action != "accept" && action != "decline" && action != "cancel") {
    return invalid(request.key, "action: want accept, decline or cancel");
  }
  if (action != "accept" || request.kind == InputKind::kUrl) {
    return {};
  }
  const auto form = json::find(request.params, "requestedSchema");
  const auto content = json::find(response, "content");
  if (!form || !content || !content->is_object()) {
    return invalid(request.key, "content: want the form's values");
  }
  const auto schema = TRY(json::Schema::compile(*form));
  const auto violations = TRY(schema.validate(*content));
  return violations.empty() ? Expected<void>{}
                            : invalid(request.key, to_string(violations.front(), "content"));
}

Expected<void> check_roots(const InputRequest& request, json::Object response) {
  const auto roots = json::array_at(response, "roots");
  const bool good = roots && std::ranges::all_of(*roots, [](json::Element root) {
                      const auto object = json::as_object(root);
                      return object && json::string_at(*object, "uri");
                    });
  return good ? Expected<void>{} : invalid(request.key, "want roots, each with a uri");
}

}  // namespace

std::string_view method_of(InputKind kind) {
  switch (kind) {
    case InputKind::kForm:
    case InputKind::kUrl:
      return kElicitation;
    case InputKind::kSampling:
      return "sampling/createMessage";
    case InputKind::kRoots:
      return "roots/list";
  }
  return "";
}

ClientCapabilities ClientCapabilities::read(json::Object capabilities) {
  ClientCapabilities read;
  if (const auto elicitation = json::object_at(capabilities, "elicitation")) {
    if (json::find(*elicitation, "url")) {
      read.add(InputKind::kUrl);
    }
    if (json::find(*elicitation, "form") || read.empty()) {
      read.add(InputKind::kForm);
    }
  }
  if (json::object_at(capabilities, "sampling")) {
    read.add(InputKind::kSampling);
  }
  if (json::object_at(capabilities, "roots")) {
    read.add(InputKind::kRoots);
  }
  return read;
}

bool ClientCapabilities::has(InputKind kind) const {
  return (bits_ & (1U << static_cast<unsigned>(kind))) != 0;
}

void ClientCapabilities::add(InputKind kind) {
  bits_ |= 1U << static_cast<unsigned>(kind);
}

std::string ClientCapabilities::to_json() const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  if (has(InputKind::kForm) || has(InputKind::kUrl)) {
    writer.key("elicitation").begin_object();
    for (const auto& [kind, mode] :
         {std::pair{InputKind::kForm, "form"}, {InputKind::kUrl, "url"}}) {
      if (has(kind)) {
        writer.raw_field(mode, "{}");
      }
    }
    writer.end_object();
  }
  if (has(InputKind::kSampling)) {
    writer.raw_field("sampling", "{}");
  }
  if (has(InputKind::kRoots)) {
    writer.raw_field("roots", "{}");
  }
  writer.end_object();
  return out;
}

std::string ClientCapabilities::to_word() const {
  std::string word;
  for (const InputKind kind : kKinds) {
    if (has(kind)) {
      word += kLetters[static_cast<std::size_t>(kind)];
    }
  }
  return word;
}

ClientCapabilities ClientCapabilities::from_word(std::string_view word) {
  ClientCapabilities read;
  for (const InputKind kind : kKinds) {
    if (word.contains(kLetters[static_cast<std::size_t>(kind)])) {
      read.add(kind);
    }
  }
  return read;
}

Expected<std::vector<InputRequest>> read_input_requests(json::Element requests,
                                                        std::string_view text) {
  const auto object = json::as_object(requests);
  if (!object || object->size() == 0 || object->size() > kInputRequestsMax) {
    return fail(ErrorCode::kInvalidArgument, "inputRequests: want an object of 1 to {} requests",
                kInputRequestsMax);
  }
  if (json::find_duplicate_key(requests)) {
    return fail(ErrorCode::kInvalidArgument, "inputRequests: a key stands twice");
  }
  std::vector<InputRequest> read;
  for (const json::Member& member : json::Members(*object, text)) {
    read.push_back(TRY(read_request(member)));
  }
  return read;
}

Expected<void> check_input_response(const InputRequest& request, json::Element response) {
  const auto object = json::as_object(response);
  if (!object || json::find_duplicate_key(response)) {
    return invalid(request.key, "want an object without duplicate keys");
  }
  switch (request.kind) {
    case InputKind::kForm:
    case InputKind::kUrl:
      return check_elicited(request, *object);
    case InputKind::kSampling: {
      const auto content = json::find(*object, "content");
      const bool good = content && (content->is_object() || content->is_array()) &&
                        json::string_at(*object, "role") && json::string_at(*object, "model");
      return good ? Expected<void>{} : invalid(request.key, "want role, content and model");
    }
    case InputKind::kRoots:
      return check_roots(request, *object);
  }
  return {};
}

std::vector<InputResponse> fitting_responses(const std::vector<InputRequest>& requests,
                                             std::string_view text) {
  json::Parser parser(text.size());
  const auto document = parser.parse(text);
  const auto given = document ? json::as_object(*document) : std::nullopt;
  std::vector<InputResponse> responses;
  for (const InputRequest& request : requests) {
    const auto response = given ? json::find_member(*given, text, request.key) : std::nullopt;
    if (response && check_input_response(request, response->value)) {
      responses.push_back({.key = request.key, .json = response->raw});
    }
  }
  return responses;
}

std::string write_input_responses(const std::vector<InputResponse>& responses) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("inputResponses").begin_object();
  for (const InputResponse& response : responses) {
    writer.raw_field(response.key, response.json);
  }
  writer.end_object().end_object();
  return out;
}

}  // namespace mcpgate::mcp
