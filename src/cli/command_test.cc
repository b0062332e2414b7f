#include "cli/command.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "cli/sandbox_commands.h"

namespace mcpgate::cli {
namespace {

/// What the command under test was given.
Arguments given;

int keep(const Arguments& arguments, const World& /*world*/) {
  given = arguments;
  return kDone;
}

std::vector<Command> commands() {
  return {
      {.name = "serve",
       .help = "Serve",
       .flags = {{.name = "key", .value = "FILE", .help = "a key", .is_many = true},
                 {.name = "cert", .value = "FILE", .help = "a certificate", .needs = "cert-key"},
                 {.name = "cert-key", .value = "FILE", .help = "its key"},
                 {.name = "once", .value = "N", .help = "once"},
                 {.name = "loud", .help = "a switch"}},
       .positionals = {{.name = "WHAT", .help = "what", .is_required = false}},
       .run = &keep}};
}

class CommandLine : public testing::Test {
 protected:
  int run(const std::vector<Command>& commands, const std::vector<std::string>& arguments) {
    std::ostringstream out;
    std::ostringstream err;
    given = {};
    const int code = run_command_line(
        "program", "A program.", commands, arguments,
        {.environment = environment_, .clock = clock_, .random = random_, .out = out, .err = err});
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  Environment environment_;
  ManualClock clock_;
  SystemRandom random_;
  std::string out_;
  std::string err_;
};

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    longest = std::max(longest, line.size());
  }
  return longest;
}

TEST_F(CommandLine, AFlagThatTakesManyKeepsThemInOrder) {
  EXPECT_EQ(run(commands(), {"serve", "--key", "a", "--key", "b", "what"}), kDone) << err_;
  EXPECT_EQ(given.all("key"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(given.get("WHAT"), "what");
  EXPECT_FALSE(given.has("loud"));
}

TEST_F(CommandLine, AnotherFlagIsGivenOnce) {
  EXPECT_EQ(run(commands(), {"serve", "--once", "1", "--once", "2"}), kWrongUsage);
  EXPECT_TRUE(err_.contains("--once")) << err_;
}

TEST_F(CommandLine, AFlagLeavesThePositionalsThatFollowIt) {
  EXPECT_EQ(run(commands(), {"serve", "--once", "1", "what"}), kDone) << err_;
  EXPECT_EQ(given.get("once"), "1");
  EXPECT_EQ(given.get("WHAT"), "what");
}

TEST_F(CommandLine, AnUnknownFlagIsNamedBeforeAnyThatIsMissing) {
  EXPECT_EQ(run(commands(), {"serve", "--onec", "1"}), kWrongUsage);
  EXPECT_EQ(err_,
            "program: there is no flag --onec; did you mean --once?\n"
            "Run program serve --help for all flags.\n");
  EXPECT_EQ(run(commands(), {"serve", "--onec=1"}), kWrongUsage);
  EXPECT_TRUE(err_.contains("--once?")) << err_;
  EXPECT_EQ(run(commands(), {"serve", "--", "--onec"}), kDone) << err_;
  EXPECT_EQ(given.get("WHAT"), "--onec");
}

TEST_F(CommandLine, AFlagComesWithTheOneItNeeds) {
  EXPECT_EQ(run(commands(), {"serve", "--cert", "a"}), kWrongUsage);
  EXPECT_TRUE(err_.contains("--cert-key")) << err_;
  EXPECT_EQ(run(commands(), {"serve", "--cert", "a", "--cert-key", "b"}), kDone) << err_;
  EXPECT_EQ(run(commands(), {"serve", "--cert-key", "b"}), kDone) << err_;
}

TEST_F(CommandLine, HelpFitsAHundredColumnsHoweverLongItsTexts) {
  std::vector<Command> all = commands();
  std::string help;
  for (int word = 0; word < 50; ++word) {
    help += "words ";
  }
  all[0].help = help;
  all[0].flags.push_back(
      {.name = "a-name-that-leaves-no-room-for-what-it-means", .value = "FILE", .help = help});
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"serve", "--help"}}) {
    EXPECT_EQ(run(all, arguments), kDone);
    EXPECT_LE(longest_line(out_), 100U) << out_;
    EXPECT_TRUE(out_.contains("words words")) << out_;
    EXPECT_EQ(err_, "");
  }
}

TEST_F(CommandLine, HelpOfTheSandboxFitsAScreen) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--help"},
                                                    {"serve", "--help"},
                                                    {"describe", "--help"},
                                                    {"run", "--help"}}) {
    EXPECT_EQ(run(sandbox_commands(), arguments), kDone);
    EXPECT_LE(longest_line(out_), 100U) << out_;
    EXPECT_LT(std::ranges::count(out_, '\n'), 25) << out_;
  }
}

TEST_F(CommandLine, WrongUsageOfTheSandboxIsExplained) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {},
           {"serve"},
           {"serve", "--tools", "t", "--listen", "unix:s"},
           {"serve", "--tools", "t", "--listen", "unix:s", "--key-file", "k", "--tls-cert", "c"},
           {"serve", "--tools", "t", "--listen", "unix:s", "--key-file", "k", "--client-ca", "c"},
           {"describe", "--tools", "t", "--profile", "none"},
           {"describe", "--tools", "t", "--config", "f"},
           {"run", "--tools", "t", "tool"},
           {"frobnicate"}}) {
    EXPECT_EQ(run(sandbox_commands(), arguments), kWrongUsage);
    EXPECT_NE(err_, "");
    EXPECT_EQ(out_, "");
  }
}

}  // namespace
}  // namespace mcpgate::cli
