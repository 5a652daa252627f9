"""A job of a pipeline: take the deployment role, look at what is deployed,
put up the next release.

    pipeline.py ESTATE

A few reads of few kinds, each of a thing that the job knows, and writes among
them. ESTATE is what estate/aws.py printed.
"""
import json
import sys

import offline

with open(sys.argv[1], encoding="utf-8") as f:
    estate = json.load(f)
resources, home = estate["resources"], estate["resources"]["home"]
session = offline.take(estate, "ci", "shop-deploy-4711")


def client(service):
    return offline.client(service, home, session)


tally = offline.Tally()
tally.call(client("sts").get_caller_identity)
tally.call(client("ssm").get_parameter, Name=resources["parameters"][0])
tally.call(client("ecr").describe_repositories, repositoryNames=resources["repositories"])
tally.call(client("ecs").describe_clusters, clusters=resources["ecs_clusters"])
tally.call(client("cloudformation").describe_stacks, StackName=resources["stacks"][0])
for function in resources["functions"]:
    tally.call(client("lambda").get_function, FunctionName=function)
tally.call(client("ec2").create_tags, Resources=resources["regions"][home]["instances"], Tags=[{"Key": "release", "Value": "4711"}])
tally.call(client("ecs").register_task_definition, family="shop-web", containerDefinitions=[{"name": "web", "image": "shop-web:4711", "memory": 256}])
print("pipeline: %s" % tally)
