"""Where commands listen. Needs no Django."""

import socket

import click


def require_free(host: str, port: int) -> None:
    """End the command with a sentence where something listens there already."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((host if host != "0.0.0.0" else "127.0.0.1", port)) == 0:  # noqa: S104
            raise click.ClickException(f"Something listens on port {port} already: name another with --port.")
