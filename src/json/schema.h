#pragma once

// JSON Schema 2020-12 (https://json-schema.org/draft/2020-12), compiled once and run on DOM values.
//
// Both schema and instance may be hostile: compiling and validating are bounded in memory, time and
// stack, whatever they are. Nothing is ever fetched from a network.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json/parse.h"

namespace mcpgate::json {

/// Where an instance breaks its schema, and how.
struct Violation {
  /// JSON pointer (RFC 6901) into the instance; empty for the whole.
  std::string pointer;
  /// The schema keyword that was not met; `duplicateKey` where an object has a key twice.
  std::string keyword;
  /// `expected integer, got string`: for whoever wrote the instance, a model or a person. Holds
  /// property names of the instance (cut to 64 bytes), never its values.
  std::string message;
};

/// `arguments.limit: expected integer, got string`, where `root` is `arguments`.
[[nodiscard]] std::string to_string(const Violation& violation, std::string_view root);

/// What compile() may look up beyond the schema itself.
struct CompileOptions {
  /// Gives the text of a document that the schema refers to by absolute URI, or nothing. Absent:
  /// only the schema itself and the 2020-12 metaschemas are known. The result is only read during
  /// compile().
  std::function<std::optional<std::string>(std::string_view uri)> resolver;
  /// What to take as the schema's own URI where it has no `$id`.
  std::string base_uri;
  /// The schema as JSON text, and each document that the resolver gives.
  std::size_t schema_bytes_max = std::size_t{1} << 20;
  /// Subschemas, those of referenced documents included.
  std::size_t subschemas_max = 10'000;
};

/// How many violations validate() reports at most.
inline constexpr std::size_t kViolationsMax = 16;
/// How deep validate() follows subschemas into each other, references included.
inline constexpr std::size_t kEvaluationDepthMax = 512;
/// How many subschema applications and comparisons validate() makes at most: far above what a 4 MiB
/// instance needs, some 100 ms.
inline constexpr std::uint64_t kEvaluationStepsMax = 16'000'000;

/// A compiled schema. Immutable, independent of the DOM it came from, safe to use from many
/// threads.
class Schema {
 public:
  /// Errors: kInvalidArgument (malformed keyword, reference that leads nowhere: the message has the
  /// JSON pointer), kFailedPrecondition (`$schema` names a dialect other than 2020-12, or a
  /// required vocabulary that is not known), kResourceExhausted (a limit of the options).
  [[nodiscard]] static Expected<Schema> compile(Element schema, const CompileOptions& options = {});

  Schema(Schema&&) noexcept;
  Schema& operator=(Schema&&) noexcept;
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;
  ~Schema();

  /// Nothing where `instance` is valid. Duplicate keys are violations, at any depth, since two
  /// readers may take different ones.
  ///
  /// Errors: kResourceExhausted (kEvaluationDepthMax or kEvaluationStepsMax reached).
  [[nodiscard]] Expected<std::vector<Violation>> validate(Element instance) const;

  /// Patterns that RE2 cannot run in linear time (look-around, back-references). They are not
  /// checked here, never in a way that refuses an instance they would admit; the child checks them.
  [[nodiscard]] std::span<const std::string> unsupported_patterns() const;

  struct Program;

 private:
  explicit Schema(std::unique_ptr<const Program> program);
  std::unique_ptr<const Program> program_;
};

}  // namespace mcpgate::json
