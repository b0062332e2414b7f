"""Reads another process's memory through /proc."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers="landlock")
def run(target):
    with open(f"/proc/{target['victim_pid']}/mem", "rb", buffering=0) as memory:
        memory.seek(target["victim_address"])
        return memory.read(13)
