// Every limit of toolset.yaml ends what it is for, says which it was and what was used; for the
// whole set, and for a tool that has its own.

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include <boost/asio/co_spawn.hpp>

#include "base/file.h"
#include "base/random.h"
#include "json/parse.h"
#include "sandbox/call_tool_result.h"
#include "sandbox/tool_limits.h"
#include "sandboxd/daemon.h"
#include "sandboxd/namespaces_test_support.h"

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;

struct LimitCase {
  /// The key, and `limits:` with which the tool gets at it before anything else.
  const char* key;
  const char* limits;
  /// The body of a function.
  const char* body;
  /// `io.mcpgate/reason`; empty: the tool is told, by an exception that names it.
  const char* reason;
  const char* text;
  /// Where profile strict has a nearer limit of the kernel's: a file system of the call's own.
  const char* text_in_strict = nullptr;
};

constexpr LimitCase kCases[] = {
    {"memory", "memory: 64Mi", "x = []\n    while True: x.append(bytearray(1 << 20))", "memory",
     "used more than 64 MiB of memory"},
    {"addressSpace", "memory: 64Mi, addressSpace: 64Mi", "bytearray(128 << 20)", "memory",
     "ran out of address space"},
    {"cpu", "cpu: 1s, wall: 60s", "while True: pass", "cpu", "used more than 1 s of CPU time"},
    {"wall", "wall: 200ms", "time.sleep(60)", "timeout", "did not end within 0."},
    {"output", "output: 64Ki", "return 'x' * (1 << 17)", "output",
     "the result has 131072 bytes; the limit is 65536"},
    {"tmp", "tmp: 1Mi", "open('f', 'wb').write(b'x' * (2 << 20))", "output",
     "wrote more than it may: File too large", "wrote more than it may"},
    {"files", "files: 10", "for i in range(20): open(f'f{i}', 'w').close()\n    time.sleep(60)",
     "output", "made more than 10 temporary files", "wrote more than it may"},
    {"openFiles", "openFiles: 16", "x = [open('/etc/localtime') for i in range(20)]", "",
     "Too many open files"},
    {"threads", "threads: 5",
     "import threading\n    e = threading.Event()\n"
     "    for i in range(9): threading.Thread(target=e.wait, daemon=True).start()\n"
     "    time.sleep(60)",
     "killed", "started more than 5 threads"},
};

void PrintTo(const LimitCase& limit, std::ostream* out) {
  *out << limit.key;
}

class LimitTest : public testing::TestWithParam<std::tuple<Profile, LimitCase>> {
 protected:
  [[nodiscard]] static Profile profile() { return std::get<Profile>(GetParam()); }
  [[nodiscard]] static const LimitCase& limit() { return std::get<LimitCase>(GetParam()); }
  [[nodiscard]] static const char* text() {
    const bool nearer = profile() == Profile::kStrict && limit().text_in_strict != nullptr;
    return nearer ? limit().text_in_strict : limit().text;
  }

  LimitTest() {
    fs::create_directories(set_);
    fs::create_directories(root_ / "scratch");
  }
  ~LimitTest() override { fs::remove_all(root_); }
  void SetUp() override {
    if (profile() == Profile::kStrict && !namespaces_are_allowed()) {
      GTEST_SKIP() << "no namespaces may be made here";
    }
  }

  SingleRun run(const std::string& yaml, const std::string& tool) {
    const std::string source =
        "from mcpgate import tool\nimport time\n\n@tool\ndef greedy() -> str:\n    " +
        std::string(limit().body) + "\n\n@tool\ndef modest() -> str:\n    return 'fine'\n";
    EXPECT_TRUE(write_file_atomically(set_ / "t.py", source, 0644));
    EXPECT_TRUE(write_file_atomically(set_ / "toolset.yaml", yaml, 0644));
    CatalogueOptions options;
    EXPECT_TRUE(locate_installed(options.zygote));
    options.zygote.scratch = root_ / "scratch";
    options.zygote.profile = profile();
    options.tool_set = set_;
    std::optional<Expected<SingleRun>> answer;
    asio::io_context loop;
    asio::co_spawn(loop, run_tool_once(loop, options, tool, "{}"),
                   [&answer](const std::exception_ptr&, Expected<SingleRun> ran) {
                     answer.emplace(std::move(ran));
                   });
    loop.run();
    EXPECT_TRUE(answer->has_value()) << answer->error().message;
    return answer->value_or(SingleRun{});
  }

  /// That the limit ended it and was named.
  static void expect_ended(const SingleRun& ran) {
    EXPECT_TRUE(ran.is_error);
    EXPECT_NE(ran.call_tool_result.find(text()), std::string::npos) << ran.call_tool_result;
    json::Parser parser(1 << 20);
    const auto result = parser.parse(ran.call_tool_result);
    ASSERT_TRUE(result);
    const auto facts = sandbox::check_call_tool_result(*result, sandbox::ResultOrigin::kDaemon);
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->reason ? sandbox::to_string(*facts->reason) : "", limit().reason);
    if (*limit().reason == '\0') {
      return;
    }
    const auto meta = json::find(*json::as_object(*result), "_meta");
    const auto used = meta ? json::find(*json::as_object(*meta), sandbox::kUsageMetaKey) : meta;
    ASSERT_TRUE(used);
    const auto usage = sandbox::parse_usage(*used);
    ASSERT_TRUE(usage) << usage.error().message;
    EXPECT_EQ(*usage, ran.usage);
    EXPECT_GT(usage->peak_rss_bytes, 0);
  }

  fs::path root_ = fs::path(testing::TempDir()) / ("limits-" + SystemRandom().hex(8));
  fs::path set_ = root_ / "demo";
};

TEST_P(LimitTest, OfTheSetEndsTheCall) {
  expect_ended(run(fmt::format("limits: {{{}}}\n", limit().limits), "greedy"));
}

TEST_P(LimitTest, OfOneToolEndsItsCallsAndNoOthers) {
  const std::string yaml = fmt::format("tools: {{greedy: {{limits: {{{}}}}}}}\n", limit().limits);
  expect_ended(run(yaml, "greedy"));
  const SingleRun other = run(yaml, "modest");
  EXPECT_FALSE(other.is_error) << other.call_tool_result;
}

INSTANTIATE_TEST_SUITE_P(All, LimitTest,
                         testing::Combine(testing::Values(Profile::kPod, Profile::kStrict),
                                          testing::ValuesIn(kCases)),
                         [](const auto& test) {
                           return std::string(to_string(std::get<Profile>(test.param))) + "_" +
                                  std::get<LimitCase>(test.param).key;
                         });

// The two that are not of one call are tested with the queue.
TEST(Limits, EachHasItsCase) {
  std::set<std::string> tested = {"limits.inFlight", "limits.queue"};
  for (const LimitCase& each : kCases) {
    tested.insert(fmt::format("limits.{}", each.key));
  }
  std::set<std::string> all;
  for (const LimitInfo& each : sandbox::tool_limits()) {
    all.insert(each.key);
  }
  EXPECT_EQ(tested, all);
}

}  // namespace
}  // namespace mcpgate::sandboxd
