"""What the end-to-end tests stand on: processes, clients, raw sockets, the audit verifier."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# Where the executables under test are; another build directory by $MCPGATE_BUILD.
BIN = ROOT / os.environ.get("MCPGATE_BUILD", "build") / "bin"
