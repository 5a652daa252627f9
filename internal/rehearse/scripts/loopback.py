"""What every script asks first: does each call go to the recorder?

Importing this module ends the program unless the proxy variables name an
address of this machine and nothing of a cloud is left out of the proxy. A
script that was started by hand, with real keys in its environment, so does
nothing. Who means to call a real cloud sets REHEARSE_FOR_REAL=yes.
"""
import os
import sys
import urllib.parse

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _require():
    if os.environ.get("REHEARSE_FOR_REAL") == "yes":
        return
    # Which of the two spellings counts differs from library to library.
    set_ = {name: os.environ[name] for name in ("HTTPS_PROXY", "https_proxy") if os.environ.get(name)}
    if not set_:
        sys.exit("refused: HTTPS_PROXY is not set, so calls would go to the real cloud; run this through the recorder")
    for name, value in set_.items():
        if urllib.parse.urlsplit(value).hostname not in LOOPBACK:
            sys.exit("refused: %s is not an address of this machine" % name)
    for name in ("NO_PROXY", "no_proxy"):
        for host in os.environ.get(name, "").split(","):
            if host.strip() not in ("",) + LOOPBACK:
                sys.exit("refused: %s lets %r past the recorder" % (name, host.strip()))


_require()
