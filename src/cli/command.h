#pragma once

// Commands as tables: what a command takes is data, from which parsing, --help and the errors for
// wrong usage come, for both executables. CLI11 is behind run_command_line() only, since it costs
// every file that includes it five seconds.

#include <iosfwd>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "cli/environment.h"

namespace mcpgate::cli {

/// What exit codes mean, for every command.
enum ExitCode : int {
  kDone = 0,
  kAnswerIsNo = 1,  ///< not found, refused, tampered
  kWrongUsage = 2,  ///< or wrong configuration
};

/// One flag of a command.
struct Flag {
  /// `user` for `--user`.
  std::string_view name;
  /// What its value is called in --help; empty: a switch without a value.
  std::string_view value;
  std::string_view help;
  bool is_required = false;
  /// The words it may be; empty: any.
  std::vector<std::string> choices = {};
  /// May be repeated; Arguments::all() has the values in order.
  bool is_many = false;
  /// Another flag that must come with it; empty: none.
  std::string_view needs = {};
};

/// One argument without a flag.
struct Positional {
  std::string_view name;
  std::string_view help;
  bool is_required = true;
  /// Takes all that are left.
  bool is_many = false;
};

/// What the user gave.
class Arguments {
 public:
  /// The value of a flag or positional; nothing when it was not given.
  [[nodiscard]] std::optional<std::string> find(std::string_view name) const;
  [[nodiscard]] std::string get(std::string_view name, std::string_view fallback = "") const;
  /// All values of a flag or positional that takes many.
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
  /// Whether a flag, a switch too, was given.
  [[nodiscard]] bool has(std::string_view name) const;

  void set(std::string_view name, std::vector<std::string> values);

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

/// The world as commands see it. All of it outlives the command.
struct World {
  const Environment& environment;
  const Clock& clock;
  Random& random;
  /// The answer. A secret that is printed goes here, alone.
  std::ostream& out;
  /// Everything else.
  std::ostream& err;
};

/// One command, or a group of commands.
struct Command {
  /// `check`, or `keys create` within the group `keys`.
  std::string_view name;
  std::string_view help;
  std::vector<Flag> flags = {};
  std::vector<Positional> positionals = {};
  /// Gives the exit code. Null: a group, listed before its commands.
  int (*run)(const Arguments& arguments, const World& world) = nullptr;
  /// Whether it also takes `--config F`.
  bool takes_config = true;
};

/// Parses the command line and runs the command. Wrong usage is explained on `world.err` and gives
/// kWrongUsage; --help and --version go to `world.out`.
[[nodiscard]] int run_command_line(std::string_view program, std::string_view about,
                                   std::span<const Command> commands,
                                   std::span<const std::string> arguments, const World& world);

/// The same for main(): this process's arguments, in the world as it is.
[[nodiscard]] int run_main(std::string_view program, std::string_view about,
                           std::span<const Command> commands, int argc, char** argv);

}  // namespace mcpgate::cli
