"""Notifications to the supervisor that started this process: systemd's sd_notify(3), without its library."""

import os

from streamer.system import send_datagram


def notify(state: str) -> None:
    """Send a state such as READY=1 to the socket that NOTIFY_SOCKET names; nothing where it names none.

    Never waits: a notification that the supervisor does not take is lost.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract names
        address = "\0" + address[1:]
    send_datagram(address, state.encode())
