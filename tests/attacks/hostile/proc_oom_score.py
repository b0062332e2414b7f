"""Makes the machine kill other processes before it."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers=("landlock", "not-dumpable"))
def run(target):
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")
