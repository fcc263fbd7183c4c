"""TLS for what is served over HTTP, from a certificate and its key in PEM files."""

import ssl

from streamer.errors import ConfigError


def server_tls(certificate: str, key: str) -> ssl.SSLContext | None:
    """What a server encrypts with; None where no certificate is named: plain HTTP.

    `certificate` may hold the chain after the server's own; an empty `key` is in the same file. The files are
    read now: a renewed certificate takes the next start. Raises ConfigError, without the content of a file.
    """
    if not certificate:
        if key:
            raise ConfigError(f"the key {key} needs its certificate")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key or None, password=lambda: "")  # nobody is there to ask
    except (OSError, ValueError) as error:  # SSLError is an OSError
        files = f"{certificate} and {key}" if key else certificate
        why = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else ""
        raise ConfigError(
            f"no TLS with {files}: {why or 'they are no certificate and its unencrypted key, in PEM'}"
        ) from None
    return context
