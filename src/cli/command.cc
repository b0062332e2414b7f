// The one file that includes CLI11, which throws; it catches at its boundary.

#include "cli/command.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <list>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/yaml.h"

namespace mcpgate::cli {
namespace {

constexpr std::string_view kConfigHelp =
    "default: $MCPGATE_CONFIG, ./mcpgate.yaml, or the built-in local default";

constexpr std::string_view kFooter =
    "Exit status: 0 done, 1 the answer is no, 2 wrong usage or configuration.";

/// --help fits a terminal of 100 columns: names to the left, what they mean to the right.
constexpr std::size_t kHelpColumns = 100;
constexpr std::size_t kHelpColumnsLeft = 30;

/// Breaks lines between words, so that they fit to the right.
std::string wrapped(std::string_view text) {
  constexpr std::size_t kWidth = kHelpColumns - kHelpColumnsLeft;
  std::string out;
  while (text.size() > kWidth) {
    const std::size_t end = text.rfind(' ', kWidth);
    if (end == std::string_view::npos) {
      break;
    }
    out.append(text.substr(0, end)).push_back('\n');
    text.remove_prefix(end + 1);
  }
  return out.append(text);
}

/// Where CLI11 puts what it parsed for one command.
struct Parsed {
  const Command* command = nullptr;
  CLI::App* app = nullptr;
  /// Lists, since CLI11 keeps pointers into them.
  std::list<std::pair<std::string_view, std::vector<std::string>>> values;
  std::list<std::pair<std::string_view, bool>> switches;
};

void add_flag(CLI::App& app, const Flag& flag, Parsed& parsed) {
  const std::string name = fmt::format("--{}", flag.name);
  if (flag.value.empty()) {
    auto& [key, given] = parsed.switches.emplace_back(flag.name, false);
    app.add_flag(name, given, wrapped(flag.help));
    return;
  }
  auto& [key, values] = parsed.values.emplace_back(flag.name, std::vector<std::string>());
  CLI::Option* option = app.add_option(name, values, wrapped(flag.help));
  option->type_name(std::string(flag.value))->required(flag.is_required);
  if (flag.is_many) {
    option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
  } else {
    // Or it would take the positionals that follow it, and then have too many values.
    option->expected(1)->allow_extra_args(false)->multi_option_policy(
        CLI::MultiOptionPolicy::Throw);
  }
  if (!flag.choices.empty()) {
    option->check(CLI::IsMember(flag.choices));
    option->type_name(std::string(flag.value));
  }
}

void add_positional(CLI::App& app, const Positional& positional, Parsed& parsed) {
  auto& [key, values] = parsed.values.emplace_back(positional.name, std::vector<std::string>());
  CLI::Option* option =
      app.add_option(std::string(positional.name), values, wrapped(positional.help));
  option->type_name("")->required(positional.is_required);
  if (!positional.is_many) {
    option->expected(1)->allow_extra_args(false);
  }
}

void add_command(CLI::App& root, const Command& command, std::list<Parsed>& all) {
  const std::size_t space = command.name.find(' ');
  CLI::App* parent = &root;
  if (space != std::string_view::npos) {
    parent = root.get_subcommand(std::string(command.name.substr(0, space)));
  }
  const std::string name(command.name.substr(space == std::string_view::npos ? 0 : space + 1));
  CLI::App* app = parent->add_subcommand(name, wrapped(command.help));
  if (command.run == nullptr) {
    app->require_subcommand(1);
    return;
  }
  Parsed& parsed = all.emplace_back();
  parsed.command = &command;
  parsed.app = app;
  for (const Positional& positional : command.positionals) {
    add_positional(*app, positional, parsed);
  }
  for (const Flag& flag : command.flags) {
    add_flag(*app, flag, parsed);
  }
  for (const Flag& flag : command.flags) {
    if (!flag.needs.empty()) {
      app->get_option(fmt::format("--{}", flag.name))
          ->needs(app->get_option(fmt::format("--{}", flag.needs)));
    }
  }
  if (command.takes_config) {
    add_flag(*app, {.name = "config", .value = "FILE", .help = kConfigHelp}, parsed);
  }
}

Arguments arguments_of(const Parsed& parsed) {
  Arguments arguments;
  for (const auto& [name, values] : parsed.values) {
    if (!values.empty()) {
      arguments.set(name, values);
    }
  }
  for (const auto& [name, given] : parsed.switches) {
    if (given) {
      arguments.set(name, {""});
    }
  }
  return arguments;
}

/// `there is no WHAT WORD; did you mean KNOWN?` and where the known ones are listed.
std::string unknown(std::string_view what, std::string_view word,
                    const std::vector<std::string>& known, std::string_view program) {
  const auto meant = nearest_word(word, known);
  return fmt::format("there is no {0} {1}{2}\nRun {3} --help for all {0}s.", what, word,
                     meant ? fmt::format("; did you mean {}?", *meant) : "", program);
}

/// What is wrong with a flag's name; CLI11 would rather speak of the flag that is missing instead.
std::optional<std::string> unknown_flag(std::string_view program, const Command& command,
                                        std::span<const std::string> arguments) {
  std::vector<std::string> known = {"--help"};
  for (const Flag& flag : command.flags) {
    known.push_back(fmt::format("--{}", flag.name));
  }
  if (command.takes_config) {
    known.emplace_back("--config");
  }
  for (const std::string& word : arguments) {
    const std::string flag = word.substr(0, word.find('='));
    if (flag == "--") {
      break;
    }
    if (flag.starts_with("--") && std::ranges::find(known, flag) == known.end()) {
      return unknown("flag", flag, known, fmt::format("{} {}", program, command.name));
    }
  }
  return std::nullopt;
}

/// What is wrong with the words that name a command, or with its flags.
std::optional<std::string> unknown_word(std::string_view program, std::span<const Command> commands,
                                        std::span<const std::string> arguments) {
  std::string name;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word.starts_with('-')) {
      return std::nullopt;
    }
    const std::string longer = name.empty() ? word : fmt::format("{} {}", name, word);
    const auto command = std::ranges::find(commands, longer, &Command::name);
    if (command == commands.end()) {
      std::vector<std::string> known;
      for (const Command& other : commands) {
        known.emplace_back(other.name);
      }
      return unknown("command", longer, known, program);
    }
    if (command->run != nullptr) {
      return unknown_flag(program, *command, arguments.subspan(i + 1));
    }
    name = longer;
  }
  return std::nullopt;
}

constexpr int kMappedBytesMin = 256 << 10;

/// Where one of the first three descriptors is closed, the next file opened would take its place,
/// and what is printed would go into that file.
void open_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    // Without O_CLOEXEC: what we start has them too.
    if (::fcntl(fd, F_GETFD) < 0 &&
        ::open("/dev/null", O_RDWR) < 0) {  // NOLINT(android-cloexec-open)
      std::abort();
    }
  }
}

}  // namespace

std::optional<std::string> Arguments::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() || found->second.empty() ? std::nullopt
                                                         : std::optional(found->second.front());
}

std::string Arguments::get(std::string_view name, std::string_view fallback) const {
  return find(name).value_or(std::string(fallback));
}

std::vector<std::string> Arguments::all(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

bool Arguments::has(std::string_view name) const {
  return values_.contains(name);
}

void Arguments::set(std::string_view name, std::vector<std::string> values) {
  values_.insert_or_assign(std::string(name), std::move(values));
}

int run_command_line(std::string_view program, std::string_view about,
                     std::span<const Command> commands, std::span<const std::string> arguments,
                     const World& world) {
  if (const auto problem = unknown_word(program, commands, arguments)) {
    world.err << program << ": " << *problem << '\n';
    return kWrongUsage;
  }
  CLI::App root{std::string(about), std::string(program)};
  std::list<Parsed> all;
  try {
    root.set_version_flag("--version", fmt::format("{} {}", program, MCPGATE_VERSION));
    root.require_subcommand(1);
    root.footer(std::string(kFooter));
    root.get_formatter()->column_width(kHelpColumnsLeft);
    for (const Command& command : commands) {
      add_command(root, command, all);
    }
    // CLI11 takes them from the back.
    root.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success& help) {  // --help, --version
    root.exit(help, world.out, world.err);
    return kDone;
  } catch (const CLI::Error& error) {
    world.err << program << ": " << error.what() << '\n' << root.help();
    return kWrongUsage;
  }
  for (const Parsed& parsed : all) {
    if (parsed.app->parsed()) {
      return parsed.command->run(arguments_of(parsed), world);
    }
  }
  return kWrongUsage;
}

int run_main(std::string_view program, std::string_view about, std::span<const Command> commands,
             int argc, char** argv) {
  open_standard_descriptors();
  // What is larger goes back to the system when it is freed; by itself the threshold would rise
  // with the largest body seen.
  ::mallopt(M_MMAP_THRESHOLD, kMappedBytesMin);
  const Environment environment = Environment::of_this_process();
  const SystemClock clock;
  SystemRandom random;
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const int code = run_command_line(program, about, commands, arguments,
                                    {.environment = environment,
                                     .clock = clock,
                                     .random = random,
                                     .out = std::cout,
                                     .err = std::cerr});
  if (!std::cout.flush() && code == kDone) {
    std::cerr << program << ": the output could not be written\n";
    return kAnswerIsNo;
  }
  return code;
}

}  // namespace mcpgate::cli
