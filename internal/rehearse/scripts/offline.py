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

import boto3  # noqa: E402 (nothing of the SDK is loaded before the check)
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError, HTTPClientError  # noqa: E402
from botocore.parsers import ResponseParserError  # noqa: E402


def client(service, region, session=None, **config):
    """A boto3 client that tries each call once."""
    return (session or boto3).client(service, region_name=region, config=Config(retries={"total_max_attempts": 1}, read_timeout=30, **config))


def take(estate, role, name):
    """The session, called name, in which the estate's operator has taken one of
    its roles."""
    operator, home = estate["keys"]["operator"], estate["resources"]["home"]
    sts = client("sts", home, boto3.Session(aws_access_key_id=operator["id"], aws_secret_access_key=operator["secret"]))
    taken = sts.assume_role(RoleArn=estate["roles"][role], RoleSessionName=name)["Credentials"]
    return boto3.Session(aws_access_key_id=taken["AccessKeyId"], aws_secret_access_key=taken["SecretAccessKey"], aws_session_token=taken["SessionToken"])


class Tally:
    """Makes calls and counts how each ended. A refusal is part of a rehearsal
    and ends nothing; a call that never got an answer does."""

    def __init__(self):
        self.ok, self.errors = 0, {}

    def call(self, method, **params):
        """The answer, or None where the service answered with an error."""
        try:
            answer = method(**params)
        except ClientError as e:
            code = e.response["Error"]["Code"]
            self.errors[code] = self.errors.get(code, 0) + 1
            return None
        except ResponseParserError:
            self.errors["answer that is none"] = self.errors.get("answer that is none", 0) + 1
            return None
        except HTTPClientError as e:
            sys.exit("no answer: %s" % e)
        self.ok += 1
        return answer

    def __str__(self):
        return "%d answered%s" % (self.ok, "".join(", %d %s" % (n, code) for code, n in sorted(self.errors.items())))
