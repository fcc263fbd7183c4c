"""`musse-stream keys`: keys of encrypted links."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def keys(
    action: Annotated[
        Literal["new", "show", "allow"],
        typer.Argument(
            help="new: make a secret key; show: print its public key; allow: let another computer connect."
        ),
    ],
    public: Annotated[
        str | None, typer.Argument(help="With allow: the public key that `keys show` prints there.")
    ] = None,
    key: Annotated[Path, typer.Option(help="Secret key file of this computer.")] = Path("musse.key"),
    allowed: Annotated[
        Path, typer.Option(help="With allow: file of the public keys that may connect.")
    ] = Path("musse.allowed"),
    name: Annotated[str, typer.Option(help="With allow: a name for people, behind the key.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the answer as one JSON line.")] = False,
) -> None:
    """Make and exchange the keys of encrypted links; [security] in the configuration names them.

    Every computer has a secret key of its own, which never leaves it. The node allows the public keys of its
    displays, and the displays pin the public key of the node. SECURITY.md has the steps.

    Examples:

        musse-stream keys new

        musse-stream keys show

        musse-stream keys allow 64_HEXADECIMAL_DIGITS --name ward-pc
    """
    from tools.keys import allow_key, new_key, public_key
    from tools.output import emit

    if (action == "allow") != (public is not None):
        raise typer.BadParameter("give the public key with allow, and only there", param_hint="PUBLIC")
    if public is not None:
        added = allow_key(public, name, allowed)
        emit("allowed", {"public": public, "file": str(allowed), "added": added}, as_json=json)
    else:
        shown = new_key(key) if action == "new" else public_key(key)
        emit("key", {"file": str(key), "public": shown}, as_json=json)
