#include "sandboxd/verdict.h"

#include <sys/ipc.h>
#include <sys/shm.h>

namespace mcpgate::sandboxd {
namespace {

/// The attempts at one layer: in force where there were any and all were stopped.
LayerReport judge_layer(Layer layer, std::string_view verdicts) {
  LayerReport report{.layer = layer};
  std::string stopped;
  for (std::size_t i = 0; i < probes().size(); ++i) {
    const Probe& probe = probes()[i];
    if (probe.layer != layer) {
      continue;
    }
    if (verdicts[i] != kStopped) {
      report.proof = verdicts[i] == kNotStopped ? "a child could " : "not tried: ";
      report.proof += probe.attempt;
      return report;
    }
    stopped += stopped.empty() ? "stopped: " : "; ";
    stopped += probe.attempt;
  }
  report.in_force = !stopped.empty();
  report.proof = stopped.empty() ? "nothing tries it" : std::move(stopped);
  return report;
}

}  // namespace

SharedMemoryWitness::SharedMemoryWitness() : id_(::shmget(IPC_PRIVATE, 1, 0600)) {}

SharedMemoryWitness::~SharedMemoryWitness() {
  if (id_ >= 0) {
    ::shmctl(id_, IPC_RMID, nullptr);
  }
}

bool merge_verdicts(std::string& verdicts, std::string_view round) {
  verdicts.resize(probes().size(), kNotTried);
  if (round.size() != verdicts.size()) {
    return false;
  }
  for (std::size_t i = 0; i < round.size(); ++i) {
    if (round[i] == kStopped || round[i] == kNotStopped) {
      verdicts[i] = round[i];
    } else if (round[i] != kNotTried) {
      return false;
    }
  }
  return true;
}

void set_verdict(std::string& verdicts, Layer layer, bool stopped) {
  verdicts.resize(probes().size(), kNotTried);
  for (std::size_t i = 0; i < probes().size(); ++i) {
    if (probes()[i].layer == layer) {
      verdicts[i] = stopped ? kStopped : kNotStopped;
    }
  }
}

Confinement judge(Profile profile, const LayerGaps& gaps, std::string_view verdicts) {
  Confinement confinement{.profile = profile};
  for (unsigned number = 0; number < kLayerCount; ++number) {
    const auto layer = static_cast<Layer>(number);
    const Demand wanted = demand(profile, layer);
    if (wanted == Demand::kNone) {
      continue;
    }
    const auto gap = gaps.find(layer);
    LayerReport report =
        gap == gaps.end()
            ? judge_layer(layer, verdicts)
            : LayerReport{.layer = layer, .proof = "cannot be had here: " + gap->second};
    report.wanted = wanted;
    confinement.layers.push_back(std::move(report));
  }
  return confinement;
}

}  // namespace mcpgate::sandboxd
