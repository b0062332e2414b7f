// The life of a key as an operator and a script see it: through the command line.

#include "cli/keys_command.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "auth/api_key.h"
#include "auth/authenticator.h"
#include "auth/directory_key_store.h"
#include "cli/check_command.h"

namespace mcpgate::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class KeysCommand : public ::testing::Test {
 protected:
  KeysCommand() : folder_(fs::temp_directory_path() / ("keys-cli-" + SystemRandom().hex(8))) {
    fs::create_directories(folder_);
    environment_.working_directory = folder_;
    environment_.state_variable = (folder_ / "state").string();
  }
  ~KeysCommand() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  int run(std::vector<std::string> arguments) {
    std::ostringstream out;
    std::ostringstream err;
    std::vector<Command> commands{check_command()};
    for (Command& command : keys_commands()) {
      commands.push_back(std::move(command));
    }
    const int code = run_command_line(
        "mcpgate", "Test.", commands, arguments,
        {.environment = environment_, .clock = clock_, .random = random_, .out = out, .err = err});
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  /// Makes a key and gives its text.
  std::string create(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"keys", "create", "--user", "alice", "--roles", "mcp-admin"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(run(arguments), kDone) << err_;
    return out_.substr(0, out_.size() - 1);
  }

  /// `ok` or the reason for which the key is refused now.
  std::string use(const std::string& key) {
    const auto table = auth::DirectoryKeyStore(folder_ / "state" / "keys").read_all();
    const auth::Authenticator authenticator({.keys = *table});
    const std::string header = "Bearer " + key;
    auth::AccessTokenVerifier tokens;
    const auto who = authenticator.authenticate(
        {.authorization = header, .authorization_count = 1, .target = "/mcp"}, clock_.wall_now(),
        tokens);
    return who ? "ok" : std::string(to_string(who.error().reason));
  }

  void configure(std::string_view yaml) { std::ofstream(folder_ / "mcpgate.yaml") << yaml; }
  static std::string id_of(const std::string& key) {
    return std::string(auth::parse_api_key(key).value_or("not a key"));
  }

  fs::path folder_;
  Environment environment_;
  ManualClock clock_;
  SystemRandom random_;
  std::string out_;
  std::string err_;
};

TEST_F(KeysCommand, CreatePrintsTheKeyAloneOnStandardOutput) {
  const std::string key = create();
  ASSERT_TRUE(auth::parse_api_key(key)) << out_;
  EXPECT_EQ(out_, key + "\n");
  EXPECT_EQ(err_,
            "Key " + id_of(key) + " for alice, roles mcp-admin, expires never. Shown once.\n");
  EXPECT_EQ(use(key), "ok");
}

// Both were impossible in the earlier implementation, whose store were labels (weakness 5).
TEST_F(KeysCommand, SeveralRolesAndMailAddressesWork) {
  ASSERT_EQ(run({"keys", "create", "--user", "alice@example.com", "--roles",
                 "mcp-admin, mcp-log-analyst,mcp-admin", "--note", "for \"CI\""}),
            kDone);
  ASSERT_EQ(run({"keys", "list", "--output", "json"}), kDone);
  EXPECT_NE(out_.find(R"("user":"alice@example.com","roles":["mcp-admin","mcp-log-analyst"],)"),
            std::string::npos)
      << out_;
}

TEST_F(KeysCommand, AKeyEndsWhenItExpires) {
  const std::string key = create({"--expires", "90d"});
  EXPECT_NE(err_.find("expires 2027-04-15T08:00:00.000Z"), std::string::npos) << err_;
  clock_.advance(24h * 90 - 1ms);
  EXPECT_EQ(use(key), "ok");
  clock_.advance(1ms);
  EXPECT_EQ(use(key), "expired");
}

TEST_F(KeysCommand, AKeyBeginsWhenItMay) {
  const std::string key = create({"--not-before", "2027-01-16"});
  EXPECT_EQ(use(key), "not_yet_valid");
  clock_.advance(24h);
  EXPECT_EQ(use(key), "ok");
}

TEST_F(KeysCommand, ListShowsStatesAndNoSecret) {
  const std::string active = create({"--expires", "1d"});
  const std::string revoked = create();
  ASSERT_EQ(run({"keys", "revoke", id_of(revoked)}), kDone);
  ASSERT_EQ(run({"keys", "list"}), kDone);
  EXPECT_TRUE(out_.starts_with("ID            USER   ROLES      CREATED")) << out_;
  EXPECT_NE(out_.find(id_of(active) + "  alice  mcp-admin  2027-01-15T08:00:00.000Z  "
                                      "2027-01-16T08:00:00.000Z  active\n"),
            std::string::npos)
      << out_;
  EXPECT_NE(out_.find("never                     revoked\n"), std::string::npos) << out_;
  EXPECT_EQ(out_.find("mcpk_"), std::string::npos);
  ASSERT_EQ(run({"keys", "list", "--output", "json"}), kDone);
  EXPECT_NE(out_.find(R"("created":"2027-01-15T08:00:00.000Z","expires":null,"state":"revoked"})"),
            std::string::npos)
      << out_;
}

TEST_F(KeysCommand, AnEmptyStoreIsAnEmptyList) {
  ASSERT_EQ(run({"keys", "list", "--output", "json"}), kDone);
  EXPECT_EQ(out_, "{\"keys\":[]}\n");
}

TEST_F(KeysCommand, ARevokedKeyStaysRevoked) {
  const std::string key = create();
  ASSERT_EQ(run({"keys", "revoke", id_of(key)}), kDone);
  EXPECT_EQ(use(key), "revoked");
  EXPECT_EQ(run({"keys", "revoke", id_of(key)}), kDone);
  EXPECT_NE(err_.find("was already revoked"), std::string::npos);
  EXPECT_EQ(run({"keys", "revoke", "aaaaaaaaaaaa"}), kAnswerIsNo);
  EXPECT_EQ(err_, "mcpgate keys: no key aaaaaaaaaaaa\n");
  EXPECT_EQ(run({"keys", "revoke", key}), kWrongUsage);
  EXPECT_EQ(err_.find(key), std::string::npos) << "a secret given by mistake is not echoed";
}

TEST_F(KeysCommand, RotationOverlapsAndNeverLengthensALife) {
  const std::string old_key = create({"--expires", "10d", "--note", "CI"});
  clock_.advance(24h);
  ASSERT_EQ(run({"keys", "rotate", id_of(old_key), "--overlap", "12h"}), kDone) << err_;
  const std::string new_key = out_.substr(0, out_.size() - 1);
  EXPECT_EQ(out_, new_key + "\n");
  EXPECT_NE(new_key, old_key);
  EXPECT_EQ(use(old_key), "ok");
  EXPECT_EQ(use(new_key), "ok");
  clock_.advance(12h);
  EXPECT_EQ(use(old_key), "expired");
  EXPECT_EQ(use(new_key), "ok");
  clock_.advance(24h * 9 - 12h - 1ms);
  EXPECT_EQ(use(new_key), "ok");
  clock_.advance(1ms);
  EXPECT_EQ(use(new_key), "expired") << "when the old key would have ended";
}

// The overlap is no extension either: a key with an hour left ends in an hour.
TEST_F(KeysCommand, TheOverlapEndsWithTheOldKeyAtTheLatest) {
  const std::string old_key = create({"--expires", "1h"});
  ASSERT_EQ(run({"keys", "rotate", id_of(old_key)}), kDone);
  clock_.advance(1h);
  EXPECT_EQ(use(old_key), "expired");
}

// The earlier implementation gave whoever had an expired key one without end (weakness 7).
TEST_F(KeysCommand, EndedAndReplacedKeysAreNotRotated) {
  const std::string expired = create({"--expires", "1h"});
  const std::string revoked = create();
  const std::string replaced = create();
  ASSERT_EQ(run({"keys", "revoke", id_of(revoked)}), kDone);
  ASSERT_EQ(run({"keys", "rotate", id_of(replaced)}), kDone);
  clock_.advance(1h);
  for (const auto& [key, reason] : {std::pair(expired, "expired"), std::pair(revoked, "revoked"),
                                    std::pair(replaced, "replaced by")}) {
    EXPECT_EQ(run({"keys", "rotate", id_of(key)}), kAnswerIsNo);
    EXPECT_EQ(out_, "");
    EXPECT_NE(err_.find(reason), std::string::npos) << err_;
  }
}

TEST_F(KeysCommand, MaxTtlCutsALifeWithANote) {
  configure("auth: {apiKeys: {maxTtl: 1d}}\n");
  const std::string key = create({"--expires", "never"});
  EXPECT_NE(err_.find("note: the key's life is cut to auth.apiKeys.maxTtl, 1d\n"),
            std::string::npos)
      << err_;
  clock_.advance(24h);
  EXPECT_EQ(use(key), "expired");
  (void)create({"--expires", "23h"});
  EXPECT_EQ(err_.find("note:"), std::string::npos);
  EXPECT_EQ(run({"keys", "create", "--user", "a", "--roles", "r", "--not-before", "2030-01-01"}),
            kWrongUsage);
}

TEST_F(KeysCommand, ARoleThatOpensNothingIsWarnedOfButNotRefused) {
  fs::create_directories(folder_ / "tools" / "logs");
  std::ofstream(folder_ / "tools" / "logs" / "toolset.yaml")
      << "description: d\nrequiredRole: mcp-log-analyst\n";
  ASSERT_EQ(run({"keys", "create", "--user", "a", "--roles", "mcp-log-analyst,mcp-viewer"}), kDone);
  EXPECT_EQ(err_.find("warning"), std::string::npos) << err_;
  ASSERT_EQ(run({"keys", "create", "--user", "a", "--roles", "mcp-log-analist"}), kDone);
  EXPECT_TRUE(
      err_.starts_with("warning: no tool set knows the role mcp-log-analist, so it opens "
                       "nothing; did you mean mcp-log-analyst?\n"))
      << err_;
}

TEST_F(KeysCommand, WrongUsageIsExplainedAndMakesNoKey) {
  const std::vector<std::vector<std::string>> cases{
      {"keys", "create"},
      {"keys", "create", "--user", "a"},
      {"keys", "create", "--user", "", "--roles", "r"},
      {"keys", "create", "--user", "a\nb", "--roles", "r"},
      {"keys", "create", "--user", "a\u202eb", "--roles", "r"},
      {"keys", "create", "--user", "a", "--roles", "r", "--keycloak-user", "alice"},
      {"keys", "create", "--user", "a", "--roles", "r", "--keycloak-user",
       "8d4c9cb0-0000-4000-8000-00000000000g"},
      {"keys", "create", "--user", "a", "--roles", "r,,s"},
      {"keys", "create", "--user", "a", "--roles", "r", "--expires", "90"},
      {"keys", "create", "--user", "a", "--roles", "r", "--expires", "0s"},
      {"keys", "create", "--user", "a", "--roles", "r", "--expires", "-1d"},
      {"keys", "create", "--user", "a", "--roles", "r", "--not-before", "soon"},
      {"keys", "create", "--user", "a", "--roles", "r", "--expires", "1d", "--not-before",
       "2030-01-01"},
      {"keys", "create", "--user", "a", "--user", "b", "--roles", "r"},
      {"keys", "list", "--output", "xml"},
      {"keys", "rotate", "aaaaaaaaaaaa", "--overlap", "never"},
      {"keys", "revoke"},
      {"keys", "revoke", "a", "b"},
      {"keys", "revoke", "a"},
      {"keys", "revoke", "../../etc/passwd"},
      {"keys", "revoke", "AAAAAAAAAAAA"},
      {"keys", "rotate", "aaaaaaaaaaaaa"},
      {"keys", "rotate", ""},
      {"keys", "frobnicate"},
      {"keys"},
      {"frobnicate"},
      {},
  };
  for (const auto& arguments : cases) {
    EXPECT_EQ(run(arguments), kWrongUsage) << fmt::format("{}", fmt::join(arguments, " "));
    EXPECT_EQ(out_, "");
    EXPECT_NE(err_, "");
  }
  EXPECT_FALSE(fs::exists(folder_ / "state"));
}

TEST_F(KeysCommand, AMistypedCommandGetsASuggestion) {
  EXPECT_EQ(run({"keys", "crate"}), kWrongUsage);
  EXPECT_EQ(err_,
            "mcpgate: there is no command keys crate; did you mean keys create?\n"
            "Run mcpgate --help for all commands.\n");
  EXPECT_EQ(run({"keys", "create", "--user", "a"}), kWrongUsage);
  EXPECT_TRUE(err_.starts_with("mcpgate: --roles is required\n")) << err_;
  EXPECT_NE(err_.find("Usage: mcpgate keys create"), std::string::npos) << err_;
}

TEST_F(KeysCommand, WithoutApiKeysThereIsNothingToDo) {
  configure("auth: {demoToken: {insecureAllow: true}}\n");
  EXPECT_EQ(run({"keys", "list"}), kWrongUsage);
  EXPECT_NE(err_.find("auth.apiKeys is not set"), std::string::npos);
}

TEST_F(KeysCommand, AKeyThatCannotBeStoredIsNotShown) {
  std::ofstream(folder_ / "state") << "in the way";
  EXPECT_EQ(run({"keys", "create", "--user", "a", "--roles", "mcp-admin"}), kAnswerIsNo);
  EXPECT_EQ(out_, "");
}

TEST_F(KeysCommand, CheckNamesProblemsOneALine) {
  EXPECT_EQ(run({"check"}), kDone);
  EXPECT_EQ(out_, "ok\n");
  configure("auth: {apiKeys: {}}\nlisten: x\nlisen: y\n");
  EXPECT_EQ(run({"check"}), kWrongUsage);
  EXPECT_EQ(err_,
            "mcpgate.yaml:2:9: listen: expected an IP address and a port, such as 127.0.0.1:8080 "
            "or [::1]:8080\n"
            "mcpgate.yaml:3:1: lisen: unknown key; did you mean listen?\n");
  EXPECT_EQ(run({"check", "--config", "nowhere.yaml"}), kWrongUsage);
}

TEST_F(KeysCommand, HelpFitsAScreenAndVersionIsOneLine) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"keys", "--help"}, {"keys", "create", "--help"}}) {
    EXPECT_EQ(run(arguments), kDone);
    EXPECT_LT(std::ranges::count(out_, '\n'), 25) << out_;
    EXPECT_EQ(err_, "");
  }
  EXPECT_EQ(run({"--version"}), kDone);
  EXPECT_TRUE(out_.starts_with("mcpgate 0.")) << out_;
}

}  // namespace
}  // namespace mcpgate::cli
