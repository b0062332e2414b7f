#pragma once

// YAML files with a closed schema, read so that one look shows all that is wrong with a file.
//
// The reading code is the schema: a map knows which keys were asked for, and reject_unknown() names
// the others. Each read records its problem with line and column and goes on with the fallback, so
// a caller reads everything and asks ok() once, at the end. Values are never quoted in a message (a
// secret in the wrong place must not reach a log); keys are.
//
//   YamlDocument document = YamlDocument::parse("toolset.yaml", bytes);
//   YamlMap root = document.root();
//   std::string description = root.string("description", "");
//   std::uint64_t memory = root.map("limits").size("memory", 256_MiB, {.min = 1, .max = …});
//   root.reject_unknown();
//   if (!document.ok()) … document.problems() …
//
// Anchors and aliases work, by copying: what they expand to counts against kYamlNodesMax. Tags,
// merge keys, several documents, control characters, invalid UTF-8 and equal keys are refused.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/units.h"

namespace mcpgate {

/// How deep maps and lists may stand in each other: far deeper than any schema of ours.
inline constexpr std::size_t kYamlDepthMax = 32;
/// How many nodes a file may have, expanded aliases included: bounds memory and time of a bomb.
inline constexpr std::size_t kYamlNodesMax = 100'000;
/// How many problems are kept: who has more fixes these first.
inline constexpr std::size_t kYamlProblemsMax = 100;

class YamlMap;
struct YamlValue;
struct YamlState;

/// A place in a document: present, or absent (then every read gives the fallback silently). Cheap
/// to copy; lives as long as its document.
class YamlNode {
 public:
  YamlNode() = default;

  /// Whether something stands here.
  explicit operator bool() const { return value_ != nullptr; }
  [[nodiscard]] bool is_map() const;
  [[nodiscard]] bool is_list() const;
  [[nodiscard]] bool is_scalar() const;
  /// A scalar that is written in quotes.
  [[nodiscard]] bool is_quoted() const;

  /// `toolSets.log-analysis.tools[2]`.
  [[nodiscard]] const std::string& path() const { return path_; }
  /// `mcpgate.yaml:14:3: toolSets.log-analysis`, for messages that are no problems.
  [[nodiscard]] std::string place() const;
  /// Counted from 1; 0 when absent.
  [[nodiscard]] int line() const;
  [[nodiscard]] int column() const;

  /// A scalar's text as written, quoted or not, so that `no` and `007` stay what they look like.
  [[nodiscard]] std::string string(std::string_view fallback = "") const;
  /// `true` or `false`, unquoted.
  [[nodiscard]] bool boolean(bool fallback = false) const;
  /// A list's items; none when absent.
  [[nodiscard]] std::vector<YamlNode> list() const;
  /// A list of scalars.
  [[nodiscard]] std::vector<std::string> strings() const;
  /// A map; an empty one when absent.
  [[nodiscard]] YamlMap map() const;

  /// Records a problem of this place: `file:line:col: path: message`.
  void problem(std::string_view message) const;

 private:
  friend class YamlMap;
  friend class YamlDocument;
  YamlNode(YamlState* state, const YamlValue* value, std::string path)
      : state_(state), value_(value), path_(std::move(path)) {}
  /// The scalar's text, or nothing with a problem recorded.
  [[nodiscard]] const std::string* scalar(std::string_view expected) const;

  YamlState* state_ = nullptr;
  const YamlValue* value_ = nullptr;
  std::string path_;
};

/// A map whose keys the caller knows. Not for keeping: read, reject_unknown(), drop.
class YamlMap {
 public:
  struct IntegerRange {
    std::int64_t min = 0;
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
  };
  struct SizeRange {
    std::uint64_t min = 0;
    std::uint64_t max = std::numeric_limits<std::int64_t>::max();
  };
  /// `max = kNever` is what allows `never`.
  struct DurationRange {
    std::chrono::milliseconds min{0};
    std::chrono::milliseconds max = std::chrono::hours{24 * 36500};
  };

  /// The value of a key, which is known from now on. An empty value (`key:`) is a problem.
  [[nodiscard]] YamlNode find(std::string_view key);

  // Each makes its key known and gives the fallback for an absent or wrong value.
  [[nodiscard]] std::string string(std::string_view key, std::string_view fallback = "");
  [[nodiscard]] bool boolean(std::string_view key, bool fallback = false);
  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t fallback,
                                     IntegerRange range);
  /// Bytes: `4Mi`.
  [[nodiscard]] std::uint64_t size(std::string_view key, std::uint64_t fallback, SizeRange range);
  [[nodiscard]] std::chrono::milliseconds duration(std::string_view key,
                                                   std::chrono::milliseconds fallback,
                                                   DurationRange range);
  [[nodiscard]] std::vector<std::string> strings(std::string_view key);
  [[nodiscard]] YamlMap map(std::string_view key);
  [[nodiscard]] std::vector<YamlNode> list(std::string_view key);
  /// One of a few words; the message names them.
  [[nodiscard]] std::string one_of(std::string_view key, std::string_view fallback,
                                   std::span<const std::string_view> choices);

  /// All keys with their values in the file's order, for maps whose keys are names (`toolSets`).
  /// Makes them all known.
  [[nodiscard]] std::vector<std::pair<std::string, YamlNode>> entries();

  /// Makes a key known without reading it, for the suggestion.
  void know(std::string_view key) { known_.emplace_back(key); }
  /// One problem for each key that nobody asked for: `unknown key; did you mean requiredRole?`.
  void reject_unknown();

  /// The place of the map itself, for problems of the whole.
  [[nodiscard]] const YamlNode& node() const { return node_; }
  /// Where a key stands (not its value); absent when it does not.
  [[nodiscard]] YamlNode key(std::string_view key) const;

 private:
  friend class YamlNode;
  friend class YamlDocument;
  explicit YamlMap(YamlNode node) : node_(std::move(node)) {}

  YamlNode node_;
  std::vector<std::string> known_;
};

/// A parsed file and the problems found in it so far. Its nodes point into it.
class YamlDocument {
 public:
  /// Parses `bytes`; `name` is what messages call the file. Syntax errors are problems like others,
  /// and so are more than `bytes_max`.
  [[nodiscard]] static YamlDocument parse(std::string_view name, std::string_view bytes,
                                          std::size_t bytes_max = kSmallFileBytesMax);
  /// Reads and parses a file. An unreadable one, or one above kSmallFileBytesMax, is a problem.
  [[nodiscard]] static YamlDocument load(const std::filesystem::path& path);

  YamlDocument(YamlDocument&&) noexcept;
  YamlDocument& operator=(YamlDocument&&) noexcept;
  YamlDocument(const YamlDocument&) = delete;
  YamlDocument& operator=(const YamlDocument&) = delete;
  ~YamlDocument();

  /// The outermost map; empty for an empty file and after a syntax error.
  [[nodiscard]] YamlMap root();

  [[nodiscard]] bool ok() const;
  /// `mcpgate.yaml:14:3: sandbox.memoryLimt: unknown key; did you mean memoryLimit?`, in the order
  /// of the file.
  [[nodiscard]] std::vector<std::string> problems() const;
  /// Nothing, or all problems, one a line, as one kInvalidArgument.
  [[nodiscard]] Expected<void> check() const;

 private:
  explicit YamlDocument(std::unique_ptr<YamlState> state);
  std::unique_ptr<YamlState> state_;
};

/// The one of `known` that `word` was probably meant to be: by edit distance, transpositions and
/// case included; nothing when none is near.
[[nodiscard]] std::optional<std::string> nearest_word(std::string_view word,
                                                      std::span<const std::string> known);

}  // namespace mcpgate
