"""Start moto's server for a rehearsal, with some of its answers mended.

    stand_in.py -p PORT [-H 127.0.0.1]

The account is the estate's. moto's own images stay out: it has a snapshot for
each in every region and says that they are the caller's, so that a scanner asks
about two thousand snapshots of nobody's.

What is mended AWS answers otherwise, and a client goes astray by it (seen
with moto 5.2.1):

DescribeRegions   moto answers with all regions whatever the filter. ScoutSuite
                  asks for those that are not opted in and leaves out what it is
                  told: all of them, so that it asks no regional service at all.
GetFederationToken
                  moto hands out one key for all, of the form of a user's, so
                  that a second session would be the first. AWS's are new ones
                  that begin with ASIA.
GetCallerIdentity root's key is nobody's to moto, which answers with a user of
                  its own. The recorder knows whose it is, and the client is
                  told the same.
ListGroups        moto leaves IsTruncated out, which the API reference has in
                  every answer. Pacu's iam__enum_users_roles_policies_groups reads
                  it and ends in a KeyError.

all calls         moto, told an account, takes all keys for that account's. The
                  estate has a vendor with an account of its own.

A call that moto lacks is not mended here: that is for the recorder to say.
"""
import os
import sys

# moto reads both while it is loaded.
os.environ["MOTO_ACCOUNT_ID"] = "111122223333"
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

from moto.core.responses import ActionResult, BaseResponse  # noqa: E402
from moto.ec2.responses.availability_zones_and_regions import AvailabilityZonesAndRegions  # noqa: E402
from moto.iam import iam_backends  # noqa: E402
from moto.iam.responses import IamResponse  # noqa: E402
from moto.moto_api._internal import mock_random  # noqa: E402
from moto.server import main  # noqa: E402
from moto.sts.models import STSBackend  # noqa: E402
from moto.sts.responses import TokenResponse  # noqa: E402

ROOT = "AKIAEXAMPLEROOT00001"  # aws.py has it too
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def describe_regions(self):
    wanted = self._filters_from_querystring().get("opt-in-status")
    regions = self.ec2_backend.describe_regions(self._get_param("RegionNames", []))
    return ActionResult({"Regions": [r for r in regions if not wanted or r.opt_in_status in wanted]})


def list_groups(self):
    return ActionResult({"Groups": self.backend.list_groups(), "IsTruncated": False})


def token(length):
    return "".join(mock_random.choice(UPPER) for _ in range(length))


def get_federation_token(self, moto=TokenResponse.get_federation_token):
    answer = moto(self)
    answer.result["Credentials"].update(AccessKeyId="ASIA" + token(16), SecretAccessKey=token(32), SessionToken=token(64))
    return answer


def get_caller_identity(self, access_key_id, region, moto=STSBackend.get_caller_identity):
    if access_key_id == ROOT:
        return self.account_id, "arn:aws:iam::%s:root" % self.account_id, self.account_id
    return moto(self, access_key_id, region)


def get_current_account(self):
    key = self.get_access_key()
    for account, backends in list(iam_backends.items()):
        if key in backends["aws"].access_keys:
            return account
    return os.environ["MOTO_ACCOUNT_ID"]


AvailabilityZonesAndRegions.describe_regions = describe_regions
TokenResponse.get_federation_token = get_federation_token
BaseResponse.get_current_account = get_current_account
STSBackend.get_caller_identity = get_caller_identity
IamResponse.list_groups = list_groups

if __name__ == "__main__":
    if "-H" in sys.argv and sys.argv[sys.argv.index("-H") + 1] not in ("127.0.0.1", "localhost", "::1"):
        sys.exit("stand_in.py: listens on this machine alone")
    main()
