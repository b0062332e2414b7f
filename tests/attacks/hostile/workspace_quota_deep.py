"""Keeps its bytes so deep in folders that nobody would look there."""

import os

from _attack import attack


@attack(refused="output", layers="quota", control="plain", workspace=True)
def run(target):
    os.chdir(target["workspace"])
    for _ in range(20):
        os.mkdir("d")
        os.chdir("d")
    with open("hidden", "wb") as file:
        file.write(b"x" * 1000)
    return "hidden"
