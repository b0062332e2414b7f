#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace mcpgate::sandbox {

/// Whether `text` is a URI with a scheme, of visible ASCII alone (RFC 3986), as far as its whole.
[[nodiscard]] bool is_uri(std::string_view text);

/// A template of URIs, by which a request is told which resource it means.
///
/// Of RFC 6570 there are `{name}`, which stands for one segment and so has no `/`, and `{+name}`,
/// which may have some. Names are letters, digits and `_`; text stands between two variables.
class UriTemplate {
 public:
  /// kInvalidArgument says what is wrong.
  [[nodiscard]] static Expected<UriTemplate> parse(std::string_view text);

  using Values = std::vector<std::pair<std::string, std::string>>;

  /// The variables' values, percent-decoded, where `uri` fits; each ends where the text behind it
  /// comes for the first time, and is never empty. A value that is not UTF-8, or has a control
  /// character or a `.` or `..` segment, fits nothing: no resource may be reached by a way round.
  [[nodiscard]] std::optional<Values> match(std::string_view uri) const;

  /// In order.
  [[nodiscard]] const std::vector<std::string>& variables() const { return names_; }

 private:
  /// `literals_[i]`, variable i, `literals_[i + 1]`, …: one literal more than there are variables.
  std::vector<std::string> literals_;
  std::vector<std::string> names_;
  std::vector<bool> takes_slashes_;
};

}  // namespace mcpgate::sandbox
