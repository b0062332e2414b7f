#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mcpgate::gateway {

/// Finds tools by words: what they are called, what they are for, what they take. Immutable.
///
/// Ranked by BM25 over the four fields together, where a word of the name weighs eight times one
/// of the description (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
/// Beyond", 2009). `readLogs`, `read_logs` and "read log" have the same words; a word of three
/// letters or more also finds what begins with it, for half.
class ToolIndex {
 public:
  /// MCP Tool objects as JSON bytes; needed until this returns.
  explicit ToolIndex(std::span<const std::string_view> definitions);

  /// Of a query; what follows is not read.
  static constexpr std::size_t kQueryBytesMax = 1000;
  static constexpr std::size_t kQueryWordsMax = 32;

  /// Which of the definitions fit best, best first, at most `count`; of equals the one listed
  /// first. Those that are not `admitted` (as many as definitions) are as if they were not there:
  /// not even the order tells of them.
  [[nodiscard]] std::vector<std::size_t> search(std::string_view query, std::size_t count,
                                                const std::vector<bool>& admitted) const;

 private:
  struct Posting {
    std::size_t tool;
    /// How often the word is there, by the weights of the fields.
    float weight;
  };
  struct Term {
    std::string word;
    std::vector<Posting> postings;
  };
  /// One search on its way.
  struct Ranking {
    const std::vector<bool>& admitted;
    std::vector<float> scores;
    /// Those that are admitted.
    float tools = 0;
    float mean_size = 1;
  };
  void add_word(Ranking& ranking, std::string_view word) const;
  void add_term(Ranking& ranking, const Term& term, float share) const;

  /// In order of the words.
  std::vector<Term> terms_;
  /// The weighted words of each tool.
  std::vector<float> sizes_;
};

}  // namespace mcpgate::gateway
