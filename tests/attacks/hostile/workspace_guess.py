"""Guesses the name of another user's workspace: stat(2) would tell whether it is right."""

import hashlib
import hmac
import os

from _attack import Refused, attack


def plant(target):
    return "a workspace"


def guesses(issuer, subject):
    """The identity itself, and what a careless maker of names does with it."""
    both = (f"{issuer}{subject}", f"{issuer}:{subject}", f"{len(issuer)}:{issuer}{subject}")
    for text in (subject, *both):
        yield text
        for key in (b"", b"mcpgate", b"hostile", bytes(32)):
            yield hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        for make in (hashlib.md5, hashlib.sha1, hashlib.sha256):
            yield make(text.encode()).hexdigest()


@attack(
    refused="no guess is right",
    layers="unguessable names",
    control="plain",
    plant=plant,
    workspace=True,
)
def run(target):
    folders = (os.path.dirname(target["workspace"]), "/mcpgate-hidden/workspaces")
    for name in guesses("mcpgate:keys", "bob"):
        for folder in folders:
            try:
                return os.stat(os.path.join(folder, name))
            except OSError:
                pass
    raise Refused("no guess is right")
