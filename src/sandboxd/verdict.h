#pragma once

// The daemon's side of a self-test: what is put outside for its children to reach at, and what
// their attempts say about the layers.

#include <map>
#include <string>
#include <string_view>

#include "sandboxd/probes.h"
#include "sandboxd/profile.h"

namespace mcpgate::sandboxd {

/// A segment of shared memory that only this process's ipc namespace has; gone with the object.
class SharedMemoryWitness {
 public:
  SharedMemoryWitness();
  SharedMemoryWitness(const SharedMemoryWitness&) = delete;
  SharedMemoryWitness& operator=(const SharedMemoryWitness&) = delete;
  ~SharedMemoryWitness();
  /// -1 where there could be none.
  [[nodiscard]] int id() const { return id_; }

 private:
  int id_;
};

/// Layers that are left out, and why each could not be had.
using LayerGaps = std::map<Layer, std::string>;

/// What the attempts of a self-test show: a layer holds where each attempt at it was made and
/// stopped. `verdicts` as run_probes() says them, those of all rounds in one.
[[nodiscard]] Confinement judge(Profile profile, const LayerGaps& gaps, std::string_view verdicts);

/// Says for a probe of the daemon's own whether it was stopped.
void set_verdict(std::string& verdicts, Layer layer, bool stopped);

/// Puts what one round tried into `verdicts`; false where it is not an answer of run_probes().
[[nodiscard]] bool merge_verdicts(std::string& verdicts, std::string_view round);

}  // namespace mcpgate::sandboxd
