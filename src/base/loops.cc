#include "base/loops.h"

#include <pthread.h>
#include <sched.h>

#include <exception>
#include <string>
#include <thread>

#include "base/log.h"

namespace mcpgate {

namespace {

std::size_t usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) {
    return 1;
  }
  return static_cast<std::size_t>(CPU_COUNT(&cores));
}

}  // namespace

Loops::Loops(std::size_t count) {
  if (count == 0) {
    count = usable_cores();
  }
  for (std::size_t i = 0; i < count; ++i) {
    loops_.push_back(std::make_unique<Loop>());
  }
}

Loops::~Loops() = default;

void Loops::run_one(asio::io_context& context) {
  for (;;) {
    try {
      context.run();
      return;
    } catch (const std::exception& exception) {
      log_error("event loop: {}", exception.what());
    }
  }
}

void Loops::run() {
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < loops_.size(); ++i) {
    threads.emplace_back([this, i] {
      ::pthread_setname_np(::pthread_self(), ("loop-" + std::to_string(i)).c_str());
      run_one(loops_[i]->context);
    });
  }
  run_one(loops_[0]->context);
}

void Loops::stop() {
  for (const auto& loop : loops_) {
    loop->context.stop();
  }
}

}  // namespace mcpgate
