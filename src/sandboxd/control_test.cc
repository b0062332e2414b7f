#include "sandboxd/control.h"

#include <gtest/gtest.h>

namespace mcpgate::sandboxd {
namespace {

ZygoteSetup sample_setup() {
  return {.harness = "/h",
          .tool_set = "/t",
          .packages = "/p",
          .read_only = {"/usr/lib", ""},
          .lendable = {"/data"},
          .workspaces = "/s",
          .filter = std::string("\x06\x00\x00", 3),
          .without = 5,
          .landlock_abi_max = 3,
          .workbench = "/w",
          .sources = {{"a.py", "x = 1\n"}, {"b/c.py", ""}},
          .preload = {"numpy"}};
}

TEST(Control, SetupComesBackAsItWent) {
  const auto setup = decode_setup(encode(sample_setup()));
  ASSERT_TRUE(setup);
  EXPECT_EQ(setup->harness, "/h");
  EXPECT_EQ(setup->packages, "/p");
  EXPECT_EQ(setup->read_only, sample_setup().read_only);
  EXPECT_EQ(setup->filter.size(), 3U);
  EXPECT_EQ(setup->without, 5U);
  EXPECT_EQ(setup->lendable, sample_setup().lendable);
  EXPECT_EQ(setup->workspaces, "/s");
  EXPECT_EQ(setup->landlock_abi_max, 3);
  EXPECT_EQ(setup->workbench, "/w");
  EXPECT_EQ(setup->sources, sample_setup().sources);
  EXPECT_EQ(setup->preload, sample_setup().preload);
}

TEST(Control, MessagesComeBackAsTheirKind) {
  const auto message = decode_zygote_message(
      encode(ExitedMessage{.number = 7, .wait_status = 9, .cpu_us = 1, .peak_rss_bytes = 2}));
  ASSERT_TRUE(message);
  ASSERT_TRUE(std::holds_alternative<ExitedMessage>(*message));
  EXPECT_EQ(std::get<ExitedMessage>(*message).number, 7U);
  EXPECT_EQ(std::get<ExitedMessage>(*message).peak_rss_bytes, 2U);
  EXPECT_TRUE(std::holds_alternative<SpawnedMessage>(
      *decode_zygote_message(encode(SpawnedMessage{.number = 1, .pid = 2}))));
  const auto ready = decode_zygote_message(encode(ReadyMessage{.error = "no", .is_of_set = true}));
  ASSERT_TRUE(ready && std::holds_alternative<ReadyMessage>(*ready));
  EXPECT_TRUE(std::get<ReadyMessage>(*ready).is_of_set);
  EXPECT_TRUE(std::holds_alternative<PongMessage>(*decode_zygote_message(encode(PongMessage{}))));
  EXPECT_TRUE(decode_ping(encode(PingMessage{})));
  EXPECT_FALSE(decode_ping(encode(PongMessage{})));
  EXPECT_FALSE(decode_ping(encode(PingMessage{}) + "x"));
}

TEST(Control, ASpawnComesBackAsItWent) {
  const SpawnMessage message{.number = 1,
                             .file_bytes = 2,
                             .tmp_bytes = 3,
                             .tmp_entries = 4,
                             .tmp = "/t",
                             .workspace = {.name = "w", .device = 5, .inode = 6, .writable = true},
                             .read_only = {"/r"}};
  const auto spawn = decode_spawn(encode(message));
  ASSERT_TRUE(spawn);
  EXPECT_EQ(spawn->file_bytes, 2U);
  EXPECT_EQ(spawn->tmp_bytes, 3U);
  EXPECT_EQ(spawn->tmp_entries, 4U);
  EXPECT_EQ(spawn->tmp, "/t");
  EXPECT_EQ(spawn->workspace, message.workspace);
  EXPECT_EQ(spawn->read_only, message.read_only);
}

TEST(Control, ASelfTestAloneLeavesLayersOut) {
  SpawnMessage message{.number = 1,
                       .task = SpawnTask::kSelfTest,
                       .without = 3,
                       .witness = {.process = 7, .shared_memory = 9}};
  const auto spawn = decode_spawn(encode(message));
  ASSERT_TRUE(spawn);
  EXPECT_EQ(spawn->without, 3U);
  EXPECT_EQ(spawn->witness.process, 7);
  EXPECT_EQ(spawn->witness.shared_memory, 9);
  message.task = SpawnTask::kCall;
  EXPECT_FALSE(decode_spawn(encode(message)));
}

TEST(Control, AnyCutOrLengthenedMessageIsRefused) {
  const std::string whole = encode(sample_setup());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_setup(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_setup(whole + '\0'));
  const std::string spawn =
      encode(SpawnMessage{.number = 1, .tmp = "/tmp/x", .read_only = {"/data"}});
  ASSERT_TRUE(decode_spawn(spawn));
  for (std::size_t size = 0; size < spawn.size(); ++size) {
    EXPECT_FALSE(decode_spawn(spawn.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_spawn(whole));
}

}  // namespace
}  // namespace mcpgate::sandboxd
