"""Start moto's server for a rehearsal, with two of its answers mended.

    stand_in.py -p PORT [-H 127.0.0.1]

The account is the estate's. moto's own images stay out: it has a snapshot for
each in every region and says that they are the caller's, so that a scanner asks
about two thousand snapshots of nobody's.

What is mended AWS answers otherwise, and a client goes astray by it (seen
with moto 5.2.1):

DescribeRegions   moto answers with all regions whatever the filter. ScoutSuite
                  asks for those that are not opted in and leaves out what it is
                  told: all of them, so that it asks no regional service at all.
ListGroups        moto leaves IsTruncated out, which the API reference has in
                  every answer. Pacu's iam__enum_users_roles_policies_groups reads
                  it and ends in a KeyError.

A call that moto lacks is not mended here: that is for the recorder to say.
"""
import os
import sys

# moto reads both while it is loaded.
os.environ["MOTO_ACCOUNT_ID"] = "111122223333"
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

from moto.core.responses import ActionResult  # noqa: E402
from moto.ec2.responses.availability_zones_and_regions import AvailabilityZonesAndRegions  # noqa: E402
from moto.iam.responses import IamResponse  # noqa: E402
from moto.server import main  # noqa: E402


def describe_regions(self):
    wanted = self._filters_from_querystring().get("opt-in-status")
    regions = self.ec2_backend.describe_regions(self._get_param("RegionNames", []))
    return ActionResult({"Regions": [r for r in regions if not wanted or r.opt_in_status in wanted]})


def list_groups(self):
    return ActionResult({"Groups": self.backend.list_groups(), "IsTruncated": False})


AvailabilityZonesAndRegions.describe_regions = describe_regions
IamResponse.list_groups = list_groups

if __name__ == "__main__":
    if "-H" in sys.argv and sys.argv[sys.argv.index("-H") + 1] not in ("127.0.0.1", "localhost", "::1"):
        sys.exit("stand_in.py: listens on this machine alone")
    main()
