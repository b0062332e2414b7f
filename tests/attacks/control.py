"""Runs one attack with nothing around it: the control that shows it could work.

    python3 -I control.py FILE <TARGET      prints how it ended as the last line, JSON
"""

import fcntl
import importlib.util
import json
import os
import socket
import sys
import threading
from pathlib import Path


def move_away(descriptor: int) -> int:
    """The same file under a number that no attack uses."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD, 1100)
    os.close(descriptor)
    return moved


def stand_in_for_the_daemon() -> None:
    """Descriptor 3 as a child has it; at its other end somebody who believes and bounds nothing."""
    pair = [move_away(end.detach()) for end in socket.socketpair()]
    os.dup2(pair[0], 3)
    os.close(pair[0])
    ours = socket.socket(fileno=pair[1])
    kept = []

    def drain():
        while True:
            data, descriptors, _, _ = socket.recv_fds(ours, 1 << 20, 64)
            kept.extend(descriptors)  # as a careless reader would
            if not data and not descriptors:
                return

    threading.Thread(target=drain, daemon=True).start()


def workspace_of(user: str) -> dict:
    """A folder with a name that anyone would guess."""
    path = Path("workspaces", user).absolute()
    path.mkdir(parents=True, exist_ok=True)
    return {"workspace": str(path)}


def load(path: Path):
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)


def main() -> None:
    target = json.load(sys.stdin)
    answer = move_away(os.dup(1))
    path = Path(sys.argv[1])
    stand_in_for_the_daemon()
    sys.dont_write_bytecode = True
    load(path)
    import _attack

    attack = _attack.declared[path.stem]
    if attack.plant is not None:
        target["planted"] = str(attack.plant(target | workspace_of("bob")))
    target |= workspace_of("ada")
    ended = _attack.attempt(attack.function, target)
    os.write(answer, ("\n" + json.dumps(ended) + "\n").encode())
    os._exit(0)


if __name__ == "__main__":
    main()
