#include "gateway/tool_index.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

namespace mcpgate::gateway {
namespace {

using Names = std::vector<std::string>;

class ToolIndexTest : public testing::Test {
 protected:
  void add(const std::string& name, const std::string& description,
           const std::string& properties = "{}") {
    names_.push_back(name);
    definitions_.push_back(fmt::format(
        R"({{"name":"{}","description":"{}","inputSchema":{{"type":"object","properties":{}}}}})",
        name, description, properties));
    admitted_.push_back(true);
  }
  Names search(std::string_view query, std::size_t count = 10) {
    const std::vector<std::string_view> views(definitions_.begin(), definitions_.end());
    Names found;
    for (const std::size_t tool : ToolIndex(views).search(query, count, admitted_)) {
      found.push_back(names_[tool]);
    }
    return found;
  }

  Names names_;
  std::vector<std::string> definitions_;
  std::vector<bool> admitted_;
};

TEST_F(ToolIndexTest, ANameCountsMoreThanADescription) {
  add("mail_send", "Sends what search has found.");
  add("log_search", "Finds lines.");
  EXPECT_EQ(search("search"), (Names{"log_search", "mail_send"}));
  EXPECT_EQ(search("search", 1), (Names{"log_search"}));
}

TEST_F(ToolIndexTest, ARareWordCountsMoreThanAFrequentOne) {
  add("a", "Reads a table.");
  add("b", "Reads a file.");
  add("c", "Reads a ledger.");
  EXPECT_EQ(search("reads ledger").front(), "c");
}

TEST_F(ToolIndexTest, WordsAreFoundHoweverTheyAreWritten) {
  add("readLogs", "One.");
  add("write_file", "Two.");
  for (const char* query : {"log", "Logs", "READ", "read-log", "readLogs"}) {
    EXPECT_EQ(search(query), (Names{"readLogs"})) << query;
  }
  EXPECT_EQ(search("wri"), (Names{"write_file"}));
  EXPECT_TRUE(search("wr").empty()) << "too short to begin a word with";
  add("straße", "Ein Wort mit ß und 日本語.");
  EXPECT_EQ(search("日本語"), (Names{"straße"}));
}

TEST_F(ToolIndexTest, WhatASchemaTakesIsFound) {
  add("one", "x", R"({"customer":{"type":"object","properties":{"iban":{"description":"bank"}}}})");
  add("two", "x");
  for (const char* query : {"customer", "iban", "bank"}) {
    EXPECT_EQ(search(query), (Names{"one"})) << query;
  }
}

TEST_F(ToolIndexTest, WhatIsNotAdmittedIsAsIfItWereNotThere) {
  add("alpha", "ledger ledger payments");
  add("beta", "payments");
  add("gamma", "accounts");
  const Names alone = search("ledger payments accounts");
  for (int i = 0; i < 50; ++i) {
    add(fmt::format("hidden{}", i), "accounts payments");
    admitted_.back() = false;
  }
  EXPECT_EQ(search("ledger payments accounts"), alone);
  EXPECT_TRUE(search("hidden").empty());
}

TEST_F(ToolIndexTest, NothingFitsNothing) {
  EXPECT_TRUE(search("anything").empty());
  add("a", "b");
  for (const std::string& query : {std::string(), std::string(" .;\n"), std::string("zebra")}) {
    EXPECT_TRUE(search(query).empty());
  }
}

TEST_F(ToolIndexTest, AnyBytesAreAQuery) {
  add("read_logs", "Reads.");
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same at each run
  for (int i = 0; i < 2'000; ++i) {
    std::string query(random() % 64, '\0');
    for (char& c : query) {
      c = static_cast<char>(random());
    }
    EXPECT_LE(search(query).size(), 1U);
  }
  EXPECT_EQ(search(std::string(ToolIndex::kQueryBytesMax, ' ') + "read"), Names{});
}

}  // namespace
}  // namespace mcpgate::gateway
