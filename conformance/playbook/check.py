#!/usr/bin/env python3
"""Holds the commands of all playbooks against the clients that they are for.

    check.py VEDETTE PROGRAM=PATH...    commands of aws, az or gcloud
    check.py VEDETTE policies           policies in commands, by parliament

For each type of principal the template of its playbook is taken and its blanks
filled with examples. A real shell splits each line into words, and the client
itself reads them: aws with an endpoint where nobody listens, az and gcloud
without a signed-in account, so that each gets as far as its own parser and
checks let it and no further. What vedette is told to do, its own tests read.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

# Examples for blanks, of the form that the clients check.
EXAMPLES = {
    "FINDING": "19b0d45c", "PATH": "logs", "ACCOUNT": "111122223333", "START_TIME": "2026-03-17T13:00:00Z",
    "END_TIME": "2026-03-18T13:00:00Z", "ADDRESS": "203.0.113.66", "PRINCIPAL": "somebody", "USER_NAME": "marek.novak",
    "ROLE_NAME": "deploy", "KEY_ID": "AKIAIOSFODNN7EXAMPLE", "SESSION_KEY_ID": "ASIAIOSFODNN7EXAMPLE", "INSTANCE_ID": "i-0a1b2c3d4e5f60718", "SESSION_NAME": "ada@example.com",
    "OBJECT_ID": "77777777-0000-0000-0000-000000000001", "APPLICATION_ID": "66666666-0000-0000-0000-00000000000a",
    "STORAGE_ACCOUNT": "store1", "COSMOSDB_ACCOUNT": "cosmos1", "KEY_KIND": "primary", "REGISTRY": "registry1", "PASSWORD_NAME": "password",
    "WEB_APP": "web1", "SETTING_AND_VALUE": "A=b", "SETTING_AND_OLD_VALUE": "A=a", "EMAIL": "report@shop-prod-4711.iam.gserviceaccount.com", "MEMBER": "user:ada@example.com",
    "RESOURCE_ID": "/subscriptions/22222222-3333-4444-5555-666666666666/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1",
    "ORIGIN_MEMBER": "user:ada@example.com", "POOL": "pool", "POOL_PROJECT": "123456789012", "HOME_PROJECT": "shop-prod-4711", "REGION": "eu-west-1", "TRAIL_REGION": "eu-west-1", "SSO_REGION": "eu-central-1",
    "TRAIL_ARN": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/trail", "IDENTITY_STORE_ID": "d-1234567890",
    "NEW_PASSWORD": "Pw.12345678-xyz", "EMPTY_SECURITY_GROUP_ID": "sg-0a1b2c3d4e5f60718", "SECURITY_GROUP_ID": "sg-0a1b2c3d4e5f60719",
    "ASSOCIATION_ID": "iip-assoc-0a1b2c3d4e5f60718", "INSTANCE_PROFILE": "profile", "POLICY_ID": "p-12345678",
    "SSO_INSTANCE_ARN": "arn:aws:sso:::instance/ssoins-1234567890abcdef", "SSO_USER_ID": "92345678-0000-0000-0000-000000000001",
    "PERMISSION_SET_ARN": "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef", "NEW_INSTANCE_ID": "i-0a1b2c3d4e5f60719",
    "SERVICE_NAME": "autoscaling.amazonaws.com", "CONTAINED_AT": "2026-03-17T15:00:00Z", "REASON": "a test", "OWNER": "ada", "DURATION": "7d",
    "EVIDENCE_RESOURCE_GROUP": "evidence", "RESOURCE_GROUP": "rg", "CREDENTIAL_KEY_ID": "88888888-0000-0000-0000-000000000001",
    "CERTIFICATE_FILE": "cert.pem", "ROLE_ASSIGNMENT_ID": "/subscriptions/22222222-3333-4444-5555-666666666666/providers/Microsoft.Authorization/roleAssignments/99999999-0000-0000-0000-000000000001",
    "DISK_RESOURCE_ID": "/subscriptions/22222222-3333-4444-5555-666666666666/resourceGroups/rg/providers/Microsoft.Compute/disks/disk1",
    "SCOPE": "/subscriptions/22222222-3333-4444-5555-666666666666", "IDENTITY_OR_SYSTEM": "[system]", "PRIMARY_OR_SECONDARY": "primary",
    "CONTAINER": "container", "SAS_POLICY": "policy", "PERMISSIONS": "r", "EXPIRY": "2026-03-18T13:00Z", "DISK": "disk1", "ZONE": "europe-west1-b",
    "SNAPSHOT": "disk1", "IAM_ROLE": "roles/viewer", "INSTANCE": "vm1", "QUARANTINE_TAG": "quarantine", "PROVIDER": "provider",
    "LOGGED_RESOURCE_ID": "/subscriptions/22222222-3333-4444-5555-666666666666/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/vault1",
    "DIAGNOSTIC_SETTING": "to-workspace", "SINK": "to-storage", "SINK_DESTINATION": "storage.googleapis.com/bucket1", "SINK_FILTER": "severity>=ERROR",
    "WORKSPACE_ID": "/subscriptions/22222222-3333-4444-5555-666666666666/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/logs",
}

# What a client says once it has understood the whole command.
UNDERSTOOD = {
    "aws": re.compile(r"Could not connect to the endpoint URL"),
    "az": re.compile(r"Please run 'az login'"),
    "gcloud": re.compile(r"do not currently have an active account selected"),
}


# An account is called otherwise in each cloud.
ACCOUNTS = {"az": "22222222-3333-4444-5555-666666666666", "gcloud": "shop-prod-4711"}


def blank(text):
    """The text with examples in the place of blanks."""
    text = re.sub(r"(?<![A-Z_])ACCOUNT(?![A-Z_])", ACCOUNTS.get(text.split()[0], EXAMPLES["ACCOUNT"]), text)
    return re.sub(r"(?<![A-Z_])(" + "|".join(sorted(EXAMPLES, key=len, reverse=True)) + r")(?![A-Z_])", lambda m: EXAMPLES[m[1]], text)


def words(line, work):
    """The words that a shell makes of a line, without its redirection."""
    script = "".join(f"{p}() {{ printf '%s\\0' {p} \"$@\" >&3; }}\n" for p in ("aws", "az", "gcloud", "vedette")) + line + "\n"
    done = subprocess.run(["sh", "-c", "exec 3>words\n" + script], cwd=work, capture_output=True, text=True)
    if done.returncode != 0 or done.stderr:
        raise ValueError(f"sh: {done.stderr.strip()}")
    with open(os.path.join(work, "words"), encoding="utf-8") as out:
        return out.read().split("\0")[:-1]


def lines(vedette):
    """All commands of all templates, each once, by the step that has it."""
    types = re.findall(r"^(\w+) ", subprocess.run([vedette, "playbook", "--types"], check=True, capture_output=True, text=True).stdout, re.M)
    found = {}
    for t in types:
        book = json.loads(subprocess.run([vedette, "playbook", "--principal-type", t, "-f", "json"], check=True, capture_output=True, text=True).stdout)
        for b in book["blanks"]:
            if b not in EXAMPLES:
                raise SystemExit(f"{t}: there is no example for the blank {b}")
        for ph in book["phases"]:
            for s in ph["steps"]:
                for line in s["commands"] + s.get("undo_commands", []):
                    found.setdefault(line, s["id"])
    return len(types), found


def main():
    vedette = os.path.abspath(sys.argv[1])
    types, found = lines(vedette)
    work = tempfile.mkdtemp(prefix="playbook-")
    os.mkdir(os.path.join(work, "evidence-19b0d45c"))
    commands, wrong = [], []
    for line, step in found.items():
        try:
            commands.append((step, line, words(blank(line), work)))
        except ValueError as err:
            wrong.append(f"{step}: {line}\n    {err}")
    print(f"{types} types of principals, {len(found)} commands")
    if sys.argv[2:] == ["policies"]:
        wrong += policies(commands)
    else:
        for a in sys.argv[2:]:
            program, path = a.split("=", 1)
            wrong += understood(program, path, [c for c in commands if c[2][0] == program], work)
    for w in wrong:
        print("WRONG", w)
    return 1 if wrong else 0


def understood(program, path, commands, work):
    """The commands that a client does not understand, with what it says."""
    # The shell has emptied the files that the lines would have written.
    with open(os.path.join(work, "evidence-19b0d45c", "trust-deploy.json"), "w", encoding="utf-8") as f:
        f.write('{"Version":"2012-10-17","Statement":[]}')
    if program == "az":
        # The client looks into the certificate before it signs in.
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-subj", "/CN=example", "-out", "cert.pem"]
        subprocess.run(make, cwd=work, check=True, capture_output=True)
    env = dict(
        os.environ, AWS_MAX_ATTEMPTS="1", AWS_EC2_METADATA_DISABLED="true", AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE",
        AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="us-east-1", AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AZURE_CONFIG_DIR=os.path.join(work, "az"), AZURE_CORE_COLLECT_TELEMETRY="false", AZURE_EXTENSION_USE_DYNAMIC_INSTALL="no",
        CLOUDSDK_CONFIG=os.path.join(work, "gcloud"), CLOUDSDK_CORE_DISABLE_PROMPTS="1", CLOUDSDK_CORE_DISABLE_USAGE_REPORTING="1",
    )
    if "/" in path:
        path = os.path.abspath(path)
    nowhere = ["--endpoint-url", "http://127.0.0.1:9"] if program == "aws" else []

    def ask(command):
        step, line, argv = command
        done = subprocess.run([path, *argv[1:], *nowhere], cwd=work, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if UNDERSTOOD[program].search(done.stderr):
            return None
        return f"{step}: {line}\n    exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}"

    if not commands:
        return [f"no playbook has a command of {program}"]
    with ThreadPoolExecutor(2) as pool:
        wrong = [w for w in pool.map(ask, commands) if w]
    print(f"  {program}: {len(commands) - len(wrong)} of {len(commands)} commands understood by the client")
    return wrong


def policies(commands):
    """What parliament finds in the policies of commands."""
    from parliament import analyze_policy_string

    wrong, seen = [], 0
    bad = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:Nonesuch","Resource":"*"}]}'
    if not analyze_policy_string(bad).findings:
        wrong.append("parliament finds nothing in a policy with an action that does not exist")
    for step, _, argv in commands:
        for w in argv:
            text = w.split("=", 1)[-1]
            if not text.startswith('{"Statement"'):
                continue
            seen += 1
            policy = json.loads(text)
            for s in policy["Statement"]:
                # parliament reads policies of identities alone. A trust policy
                # has a principal in the place of the resource.
                if s.pop("Principal", None):
                    s["Resource"] = "*"
            wrong += [f"{step}: {f.issue}: {f.detail}: {text}" for f in analyze_policy_string(json.dumps(policy)).findings]
    if not seen:
        wrong.append("no command has a policy")
    print(f"  {seen} policies read by parliament")
    return wrong


sys.exit(main())
