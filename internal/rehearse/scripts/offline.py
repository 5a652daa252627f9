"""Clients of AWS for the scripts: each call once, through the recorder alone,
and a tally of how the calls ended."""
import sys

import loopback  # noqa: F401 (first: nothing of the SDK is loaded before the check)

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError


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
