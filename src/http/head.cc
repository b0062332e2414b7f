#include "http/head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <boost/beast/http/basic_parser.hpp>

namespace mcpgate::http {

namespace {

namespace beast_http = boost::beast::http;

using BeastError = boost::beast::error_code;
using Check = std::expected<void, HeadError>;

std::unexpected<HeadError> refuse(int status, std::string_view reason) {
  return std::unexpected(HeadError{status, reason});
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_target_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7f && c != '#' && c != '"' && c != '<' && c != '>' && c != '\\';
}

// `host [":" port]` (RFC 3986, 3.2): reg-name or IPv4 characters, or an IP literal in brackets. No
// user information: `user@host` in a Host field is a known way to fool name checks.
bool is_authority(std::string_view text) {
  const auto is_host_char = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::strchr("-._~%!$&'()*+,;=", c) != nullptr;
  };
  std::size_t host_end = 0;
  if (text.starts_with('[')) {
    host_end = text.find(']');
    if (host_end == std::string_view::npos || host_end < 3) {
      return false;
    }
    const std::string_view literal = text.substr(1, host_end - 1);
    if (!std::ranges::all_of(literal, [&](char c) { return is_host_char(c) || c == ':'; })) {
      return false;
    }
    ++host_end;
  } else {
    host_end = std::min(text.find(':'), text.size());
    if (host_end == 0 || !std::ranges::all_of(text.substr(0, host_end), is_host_char)) {
      return false;
    }
  }
  const std::string_view rest = text.substr(host_end);
  return rest.empty() ||
         (rest[0] == ':' && rest.size() <= 6 && std::ranges::all_of(rest.substr(1), is_digit));
}

// The fields that decide how a message is framed and its connection kept.
struct FramingFields {
  int content_lengths = 0;
  int transfer_encodings = 0;
  int hosts = 0;
  int expects = 0;
  std::string_view content_length;
  std::string_view transfer_encoding;
  std::string_view host;
  std::string_view expect;

  void take(beast_http::field field, std::string_view value) {
    switch (field) {
      case beast_http::field::content_length:
        ++content_lengths;
        content_length = value;
        break;
      case beast_http::field::transfer_encoding:
        ++transfer_encodings;
        transfer_encoding = value;
        break;
      case beast_http::field::host:
        ++hosts;
        host = value;
        break;
      case beast_http::field::expect:
        ++expects;
        expect = value;
        break;
      default:
        break;
    }
  }
};

// Beast's parser with views kept instead of a container filled.
template <bool kIsRequest>
class ViewParser final : public beast_http::basic_parser<kIsRequest> {
  using Base = beast_http::basic_parser<kIsRequest>;

 public:
  ViewParser(std::vector<Header>& headers, std::size_t headers_max)
      : headers_(headers), headers_max_(headers_max) {
    headers_.clear();
  }

  /// Parses a whole head.
  Check parse(std::string_view bytes) {
    this->header_limit(static_cast<std::uint32_t>(bytes.size() + 1));
    this->body_limit(boost::none);
    BeastError error;
    this->put({bytes.data(), bytes.size()}, error);
    if (too_many_) {
      return refuse(431, "too many header fields");
    }
    if (error == beast_http::error::bad_content_length ||
        error == beast_http::error::multiple_content_length) {
      return refuse(400, "bad Content-Length");
    }
    if (error == beast_http::error::bad_transfer_encoding) {
      return refuse(400, "bad Transfer-Encoding");
    }
    if (error || !this->is_header_done()) {
      return refuse(400, "malformed head");
    }
    return {};
  }

  std::string_view method;
  std::string_view target;
  int version = 0;
  int status = 0;
  FramingFields fields;

 private:
  void on_request_impl(beast_http::verb, boost::beast::string_view method_text,
                       boost::beast::string_view target_text, int http_version,
                       BeastError&) override {
    method = view(method_text);
    target = view(target_text);
    version = http_version;
  }
  void on_response_impl(int code, boost::beast::string_view, int http_version,
                        BeastError&) override {
    status = code;
    version = http_version;
  }
  void on_field_impl(beast_http::field field, boost::beast::string_view name,
                     boost::beast::string_view value, BeastError& error) override {
    if (headers_.size() == headers_max_) {
      too_many_ = true;
      error = beast_http::error::header_limit;
      return;
    }
    headers_.push_back({view(name), view(value)});
    fields.take(field, view(value));
  }
  // Bodies are framed by the caller: put() never sees one.
  void on_header_impl(BeastError&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
  std::size_t on_body_impl(boost::beast::string_view, BeastError&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view, BeastError&) override {
    return 0;
  }
  void on_finish_impl(BeastError&) override {}

  std::vector<Header>& headers_;
  std::size_t headers_max_;
  bool too_many_ = false;
};

struct BodyLength {
  Framing framing = Framing::kNone;
  std::uint64_t content_length = 0;
};

/// RFC 9112, 6.3, without its leniencies: one Content-Length of digits only, or one
/// Transfer-Encoding that is exactly `chunked`, never both.
std::expected<BodyLength, HeadError> body_length(const FramingFields& fields, int version) {
  if (fields.transfer_encodings > 0) {
    if (fields.content_lengths > 0) {
      return refuse(400, "both Content-Length and Transfer-Encoding");
    }
    if (fields.transfer_encodings > 1) {
      return refuse(400, "several Transfer-Encoding fields");
    }
    if (version < 11) {
      return refuse(400, "Transfer-Encoding in HTTP/1.0");
    }
    if (iequals(fields.transfer_encoding, "chunked")) {
      return BodyLength{Framing::kChunked, 0};
    }
    // One that is well-formed but not ours is 501 (RFC 9112, 6.1); what smells of chunked is not.
    const std::string_view last =
        fields.transfer_encoding.substr(fields.transfer_encoding.rfind(',') + 1);
    const bool is_list = std::ranges::all_of(fields.transfer_encoding, [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
             c == ',' || c == ' ' || c == ';' || c == '=' || c == '.';
    });
    const std::size_t first_end = fields.transfer_encoding.find_first_of(",; ");
    if (!is_list || last.empty() ||
        iequals(fields.transfer_encoding.substr(0, first_end), "chunked")) {
      return refuse(400, "bad Transfer-Encoding");
    }
    return refuse(501, "unknown transfer coding");
  }
  if (fields.content_lengths > 1) {
    return refuse(400, "several Content-Length fields");
  }
  if (fields.content_lengths == 1) {
    const std::string_view text = fields.content_length;
    BodyLength body{Framing::kLength, 0};
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), body.content_length);
    if (error != std::errc{} || end != text.data() + text.size()) {
      return refuse(400, "bad Content-Length");
    }
    return body;
  }
  return BodyLength{};
}

// Splits the request line by hand, so that a refusal knows method and target, and so that a wrong
// version (505) is told from a malformed line (400).
Check check_request_line(std::string_view bytes, RequestHead& head) {
  const std::string_view line = bytes.substr(0, bytes.find('\r'));
  const std::size_t method_end = line.find(' ');
  const std::size_t version_begin = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == version_begin) {
    return refuse(400, "malformed request line");
  }
  head.method = line.substr(0, method_end);
  head.target = line.substr(method_end + 1, version_begin - method_end - 1);
  if (!is_valid_header(head.method, "")) {
    head.method = {};
    head.target = {};
    return refuse(400, "malformed method");
  }
  if (head.target.empty() || !std::ranges::all_of(head.target, is_target_char)) {
    head.target = {};
    return refuse(400, "malformed request target");
  }
  const std::string_view version = line.substr(version_begin + 1);
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    return refuse(400, "malformed HTTP version");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return refuse(505, "HTTP version not supported");
  }
  return {};
}

void split_query(std::string_view path_and_query, RequestHead& head) {
  const std::size_t question = path_and_query.find('?');
  head.path = path_and_query.substr(0, question);
  head.query =
      question == std::string_view::npos ? std::string_view{} : path_and_query.substr(question + 1);
  if (head.path.empty()) {
    head.path = "/";
  }
}

// RFC 9112, 3.2: origin-form, absolute-form, and `*` for OPTIONS. CONNECT's form is a proxy's.
Check split_target(RequestHead& head) {
  const std::string_view target = head.target;
  if (head.method == "CONNECT") {
    return refuse(400, "CONNECT is for proxies");
  }
  if (target.starts_with('/')) {
    split_query(target, head);
    return {};
  }
  if (target == "*" && head.method == "OPTIONS") {
    head.path = target;
    head.query = {};
    return {};
  }
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos || (!iequals(target.substr(0, scheme_end), "http") &&
                                               !iequals(target.substr(0, scheme_end), "https"))) {
    return refuse(400, "malformed request target");
  }
  const std::string_view rest = target.substr(scheme_end + 3);
  const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
  head.host = rest.substr(0, authority_end);
  if (!is_authority(head.host)) {
    return refuse(400, "malformed request target");
  }
  split_query(rest.substr(authority_end), head);
  return {};
}

Check check_host(const FramingFields& fields, RequestHead& head) {
  if (fields.hosts > 1) {
    return refuse(400, "several Host fields");
  }
  if (fields.hosts == 0 && head.version_11) {
    return refuse(400, "no Host field");
  }
  if (fields.hosts == 1 && !is_authority(fields.host)) {
    return refuse(400, "malformed Host field");
  }
  if (head.host.empty()) {
    head.host = fields.host;
  }
  return {};
}

Check check_expect(const FramingFields& fields, RequestHead& head) {
  // An HTTP/1.0 client's Expect is ignored (RFC 9110, 10.1.1).
  head.expects_continue = false;
  if (fields.expects == 0 || !head.version_11) {
    return {};
  }
  if (fields.expects > 1 || !iequals(fields.expect, "100-continue")) {
    return refuse(417, "unknown expectation");
  }
  head.expects_continue = true;
  return {};
}

}  // namespace

std::expected<std::size_t, HeadError> HeadScanner::scan(std::string_view bytes) {
  while (scanned_ < bytes.size()) {
    const void* found = std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_);
    if (found == nullptr) {
      scanned_ = bytes.size();
      break;
    }
    const auto lf = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    const std::string_view line = bytes.substr(line_begin_, lf - line_begin_);
    if (!line.ends_with('\r')) {
      return refuse(400, "line feed without carriage return");
    }
    const bool is_first = line_begin_ == 0;
    line_begin_ = scanned_ = lf + 1;
    if (scanned_ > bytes_max_) {
      return refuse(431, "head too large");
    }
    if (line.size() == 1) {
      if (is_first) {
        return refuse(400, "empty first line");
      }
      return scanned_;
    }
    if (has_control(line.substr(0, line.size() - 1))) {
      return refuse(400, "control character in head");
    }
    if (line[0] == ' ' || line[0] == '\t') {
      return refuse(400, "folded line in head");
    }
    if (is_first && line.find('\t') != std::string_view::npos) {
      return refuse(400, "tab in first line");
    }
  }
  if (bytes.size() >= bytes_max_) {
    return refuse(431, "head too large");
  }
  return 0;
}

std::expected<void, HeadError> parse_request_head(std::string_view bytes, std::size_t headers_max,
                                                  RequestHead& head) {
  head.method = head.target = head.path = head.query = head.host = {};
  if (auto line = check_request_line(bytes, head); !line) {
    return line;
  }
  ViewParser<true> parser(head.headers, headers_max);
  if (auto parsed = parser.parse(bytes); !parsed) {
    return parsed;
  }
  head.version_11 = parser.version == 11;
  // An HTTP/1.0 connection is never kept: its clients are rare, and its keep-alive is not standard.
  head.keep_alive = head.version_11 && parser.keep_alive();
  if (auto target = split_target(head); !target) {
    return target;
  }
  if (auto host = check_host(parser.fields, head); !host) {
    return host;
  }
  const auto body = body_length(parser.fields, parser.version);
  if (!body) {
    return std::unexpected(body.error());
  }
  head.framing = body->framing;
  head.content_length = body->content_length;
  return check_expect(parser.fields, head);
}

std::expected<void, HeadError> parse_response_head(std::string_view bytes,
                                                   std::string_view request_method,
                                                   std::size_t headers_max, StatusHead& head) {
  ViewParser<false> parser(head.headers, headers_max);
  if (auto parsed = parser.parse(bytes); !parsed) {
    return parsed;
  }
  head.status = parser.status;
  if (head.status < 100 || head.status > 599) {
    return refuse(400, "status out of range");
  }
  auto body = body_length(parser.fields, parser.version);
  if (!body) {
    return std::unexpected(body.error());
  }
  if (request_method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304) {
    *body = BodyLength{};
  } else if (body->framing == Framing::kNone) {
    body->framing = Framing::kUntilClose;
  }
  head.framing = body->framing;
  head.content_length = body->content_length;
  head.keep_alive =
      parser.version == 11 && parser.keep_alive() && head.framing != Framing::kUntilClose;
  return {};
}

}  // namespace mcpgate::http
