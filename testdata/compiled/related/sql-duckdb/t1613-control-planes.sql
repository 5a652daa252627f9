-- Container and Resource Discovery (control-planes)
-- T1613 1.0.0 (t1613-control-planes), profile vedette. ATT&CK T1613. Severity low (a building block; the
--   detection says medium), confidence medium.
-- One principal asks the control planes of containers (ECS, ECR, EKS, GKE, Artifact Registry) for clusters, node
--   pools, tasks, repositories and images. What a deployment asks about its own service again and again are few
--   kinds of question. Azure's activity log shows no lists: there it is fetching the credentials of clusters and
--   registries that counts. What is asked of a cluster's own API is in Kubernetes' audit log, which is not read.
-- Window: tumbling of 15m. Fires at 6 distinct APIs.
-- Copies of one act, known by the log's own id of it, count once.
-- Known false positives: Posture management, and scanners of images; Pages of a console on clusters and
--   repositories; Tools that fetch the credentials of every cluster for a person who works with all of them.
-- WARNING: Google Cloud logs reads only where Data Access audit logs (ADMIN_READ) are switched on
-- identity of gcp.data_access: approximated: callers behind a delegation are not followed, and those without a
--   name not told apart by client.
-- event count: approximated: each retry of a throttled call counts.
-- slices: impossible: a principal is judged as a whole; nothing is shipped instead.
-- lineage: impossible: who stands behind a session is not followed; nothing is shipped instead.
-- Reads cloudtrail: a table cloudtrail with a JSON column record, one CloudTrail record a row.
-- Reads gcp_audit: a table gcp_audit with a JSON column record, one LogEntry with an AuditLog a row.
WITH calls AS (
  SELECT ts, 'AWS' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id
  FROM (
    SELECT
      TRY_CAST(regexp_replace(coalesce(record->>'$.eventTime', ''), '^([^T ]+[T ][0-9:.]+)$', '\1Z') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ts,
      lower(coalesce(record->>'$.eventSource', '')) AS service,
      regexp_replace(coalesce(record->>'$.eventName', ''), '(20[0-9]{6}|20[0-9]{2}_[0-9]{2}_[0-9]{2})(v[0-9]+)?$', '', 'g') AS name,
      CASE
        WHEN coalesce(record->>'$.userIdentity.type', '') IN ('AssumedRole', 'Role')
          AND regexp_matches(coalesce(record->>'$.userIdentity.sessionContext.sessionIssuer.arn', ''), '/AWSReservedSSO_')
          THEN concat(coalesce(record->>'$.userIdentity.sessionContext.sessionIssuer.arn', ''), '/', regexp_replace(coalesce(record->>'$.userIdentity.arn', ''), '^[^/]*/[^/]*/', '', 'g'))
        WHEN coalesce(record->>'$.userIdentity.type', '') IN ('AssumedRole', 'Role', 'FederatedUser')
          AND coalesce(record->>'$.userIdentity.sessionContext.sessionIssuer.arn', '') <> ''
          THEN coalesce(record->>'$.userIdentity.sessionContext.sessionIssuer.arn', '')
        WHEN coalesce(record->>'$.userIdentity.type', '') = 'AWSAccount' THEN concat('account:', coalesce(record->>'$.userIdentity.accountId', ''))
        WHEN coalesce(record->>'$.userIdentity.type', '') = 'AWSService' THEN concat('service:', coalesce(record->>'$.userIdentity.invokedBy', ''))
        WHEN coalesce(record->>'$.userIdentity.type', '') = 'IdentityCenterUser'
          THEN concat('identitycenter:', coalesce(record->>'$.userIdentity.onBehalfOf.identityStoreArn', ''), '/', coalesce(record->>'$.userIdentity.onBehalfOf.userId', ''))
        WHEN coalesce(record->>'$.userIdentity.type', '') IN ('SAMLUser', 'WebIdentityUser')
          THEN concat(CASE coalesce(record->>'$.userIdentity.type', '') WHEN 'SAMLUser' THEN 'saml:' ELSE 'oidc:' END, coalesce(record->>'$.userIdentity.identityProvider', ''), '/',
            CASE WHEN coalesce(record->>'$.userIdentity.userName', '') <> '' THEN coalesce(record->>'$.userIdentity.userName', '') ELSE coalesce(record->>'$.userIdentity.principalId', '') END)
        WHEN coalesce(record->>'$.userIdentity.arn', '') <> '' THEN coalesce(record->>'$.userIdentity.arn', '')
        ELSE concat('principal:', coalesce(record->>'$.userIdentity.accountId', ''), '/', coalesce(record->>'$.userIdentity.principalId', ''))
      END AS caller,
      CASE WHEN coalesce(record->>'$.userIdentity.accountId', '') <> '' THEN coalesce(record->>'$.userIdentity.accountId', '') ELSE coalesce(record->>'$.recipientAccountId', '') END AS account,
      coalesce(record->>'$.awsRegion', '') AS region,
      coalesce(record->>'$.sourceIPAddress', '') AS address,
      coalesce(record->>'$.eventID', '') AS event_id
    FROM cloudtrail
    WHERE coalesce(record->>'$.eventName', '') <> '' AND coalesce(record->>'$.eventCategory', '') <> 'Insight'
      AND NOT (coalesce(record->>'$.userIdentity.type', '') = 'AWSService' OR coalesce(record->>'$.userIdentity.invokedBy', '') <> '' OR coalesce(record->>'$.eventType', '') = 'AwsServiceEvent'
          OR regexp_matches(coalesce(record->>'$.sourceIPAddress', ''), '^AWS Internal$|[.]amazonaws[.]com([.]cn)?$'))
  ) AS logged
  WHERE (service = 'ecr-public.amazonaws.com' AND name IN ('DescribeRegistries', 'DescribeRepositories')
      OR service = 'ecr.amazonaws.com' AND name IN ('DescribeImageScanFindings', 'DescribeImages', 'DescribeRegistry', 'DescribeRepositories', 'GetLifecyclePolicy', 'GetRegistryPolicy', 'GetRepositoryPolicy', 'ListImages')
      OR service = 'ecs.amazonaws.com' AND name IN ('DescribeCapacityProviders', 'DescribeClusters', 'DescribeContainerInstances', 'DescribeServices', 'DescribeTaskDefinition', 'DescribeTasks', 'ListAccountSettings', 'ListClusters', 'ListContainerInstances', 'ListServices', 'ListTaskDefinitionFamilies', 'ListTaskDefinitions', 'ListTasks')
      OR service = 'eks.amazonaws.com' AND name IN ('DescribeAccessEntry', 'DescribeCluster', 'DescribeNodegroup', 'ListAccessEntries', 'ListAddons', 'ListAssociatedAccessPolicies', 'ListClusters', 'ListFargateProfiles', 'ListIdentityProviderConfigs', 'ListNodegroups', 'ListPodIdentityAssociations', 'ListUpdates'))
    AND ts IS NOT NULL
  UNION ALL
  SELECT ts, 'GCP' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id
  FROM (
    SELECT
      TRY_CAST(regexp_replace(coalesce(record->>'$.timestamp', ''), '^([^T ]+[T ][0-9:.]+)$', '\1Z') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ts,
      lower(coalesce(record->>'$.protoPayload.serviceName', '')) AS service,
      regexp_replace(regexp_replace(coalesce(record->>'$.protoPayload.methodName', ''), '^(alpha|beta|v[0-9]+[a-z0-9]*)[.]', '', 'g'), '[.]v[0-9]+[a-z0-9]*[.]', '.', 'g') AS name,
      CASE
        WHEN coalesce(record->>'$.protoPayload.authenticationInfo.principalEmail', '') <> '' THEN lower(coalesce(record->>'$.protoPayload.authenticationInfo.principalEmail', ''))
        WHEN coalesce(record->>'$.protoPayload.authenticationInfo.principalSubject', '') <> '' THEN coalesce(record->>'$.protoPayload.authenticationInfo.principalSubject', '')
        ELSE concat('redacted:', coalesce(record->>'$.resource.labels.project_id', ''), '/', coalesce(record->>'$.protoPayload.requestMetadata.callerIp', ''))
      END AS caller,
      CASE
        WHEN regexp_matches(coalesce(record->>'$.logName', ''), '^(organizations|folders|billingAccounts|projects)/([^/_]|_[^/])')
          THEN regexp_replace(regexp_replace(coalesce(record->>'$.logName', ''), '^([^/]+/[^/]+).*$', '\1', 'g'), '^projects/', '', 'g')
        WHEN coalesce(record->>'$.resource.labels.project_id', '') <> '' THEN coalesce(record->>'$.resource.labels.project_id', '')
        WHEN regexp_matches(coalesce(record->>'$.protoPayload.resourceName', ''), '^(organizations|folders|billingAccounts|projects)/([^/_]|_[^/])')
          THEN regexp_replace(regexp_replace(coalesce(record->>'$.protoPayload.resourceName', ''), '^([^/]+/[^/]+).*$', '\1', 'g'), '^projects/', '', 'g')
        ELSE ''
      END AS account,
      regexp_replace(coalesce(nullif(coalesce(record->>'$.resource.labels.region', ''), ''), nullif(coalesce(record->>'$.resource.labels.location', ''), ''), coalesce(record->>'$.resource.labels.zone', '')), '^(-|global)$|-[a-z]$', '', 'g') AS region,
      coalesce(record->>'$.protoPayload.requestMetadata.callerIp', '') AS address,
      coalesce(record->>'$.insertId', '') AS event_id
    FROM gcp_audit
    WHERE coalesce(record->>'$.protoPayload.methodName', '') <> ''
      AND NOT (regexp_matches(coalesce(record->>'$.logName', ''), 'cloudaudit[.]googleapis[.]com(%2F|/)?system_event$')
          OR regexp_matches(regexp_replace(lower(coalesce(nullif(coalesce(record->>'$.protoPayload.authenticationInfo.principalEmail', ''), ''), coalesce(record->>'$.protoPayload.authenticationInfo.principalSubject', ''))), '^serviceaccount:', '', 'g'), '^((b[0-9]+-[a-z0-9-]+@gcp-sa-bundles|blirc-[0-9]+-[a-z0-9-]+@gcp-sa-biglakerestcatalog|bq-[0-9]+@bigquery-encryption|bqcx-[0-9]+-[a-z0-9-]+@gcp-sa-bigquery-con(del|sp)|c-[0-9]+-[a-z0-9-]+@gcp-sa-alloydb|connection-[0-9]+-[a-z0-9-]+@gcp-sa-bigquery-condel|(f[0-9]+-[a-z0-9-]+|o[0-9]+-[a-z0-9-]+|p[0-9]+-[a-z0-9-]+)@gcp-sa-(cloud-sql|logging|playbooks)|organizations-[0-9]+@gcp-sa-riskmanager|p-[0-9]+-[a-z0-9-]+@gcp-sa-generativelanguage|project-[0-9]+@storage-transfer-service|service-[0-9]+@(c(loud(-(filer|memcache-sa|redis)|composer-accounts)|o(mpute-system|ntainer(-(analysis|engine-robot)|registry)))|d(ata(flow-service-producer-prod|proc-accounts)|lp-api)|firebase-rules|g(ae-api-prod|c(f-admin-robot|p-(gae-service|sa-(a(dsdatahub|gent(gateway|registry)|iplatform(-(is|pie))?|lloydb|n(alyticshub|thos(audit|configmanagement|identityservice|policycontroller|support)?)|p(i(g(ateway(-mgmt)?|ee(registry)?)|hub|keys|m)|p(devexperience|hub|optimize))|rtifactregistry|ssuredworkloads|u(dit-manager|to(annotate|ml)))|b(ackupdr(-run)?|i(g(query(connection|datatransfer|ri|spark|tardis)|table)|naryauthorization)|ms|ne|qms|usinessaicode)|c(c(ai(-cmek|p)|insights-cmek)|e(rtificatemanager|s)|hronicle|loud(-(cw(-cmek)?|ekg|sql|trace)|a(icompanion|sset)|b(atch|uild)|deploy|kms|optim|scheduler|tasks)|o(mpute-usage|n(fig(delivery)?|nect(edsheets|ors)|ta(ctcenterinsights|iners(canning|ec))))|rashlytics|sc-hpsa)|d(ata(connectors|f(orm|usion)|labeling|migration|p(ipelines|lex|rocrmnode)|st(ream|udio(-cmek)?))|e(p|signcenter|vconnect)|i(a(gon|logflow(-cmek)?)|scoveryengine)|ns)|e(dgecontainer(cluster|gcr)?|kms|ndpoints|ventarc)|f(ire(base(app(check|hosting)|data(base|connect)|m(l|ods)|storage|vertexai)?|store|wallinsights)|s-spanner)|g(e(mini(codeassistmp|dataanalytics)|nerativelanguage)|ke(backup|dataplanev2|hub|multicloud(c(ontainer|pmachine)|npmachine)?|node|onprem)|lobal-spanner|suiteaddons)|h(ealthcare|ypercomputecluster)|i(ap|dentitytoolkit|ntegrations|vs)|k(rmapihosting(-dataplane)?|td-(control|hpsa))|l(ivestream|o(gging|oker)|ustre)|m(anaged(flink|kafka)|c(metering|sd)|e(morystore|sh(con(fig|trolplane)|dataplane)|tastore)|i(gcenter)?|o(delarmor|nitoring(-notification)?)|ulticlusteringress)|n(et(app|work(actions|connectivity|management|security))|otebooks(ecurityscanner)?|s(-authz|s-hpsa))|o(bservability|ci|ndemandscanning|sconfig(-rollout)?)|p(a(m|rallelstore)|m|r(ivateca|o(d-(bigqueryomni|dai-core)|grollout))|ubsub(lite)?)|r(e(commendationengine|tail)|ma|outeoptim|un(-ai|apps))|s(aasservicemgmt|cc-(notification|vmtd)|e(c(retmanager|ur(ewebproxy|itycenter))|rvice(directory|mesh))|ourcemanager|p(anner|e(ctrumsas|ech))|t(orage(-search|insights)|ream))|t(pu|rans(coder|ferappliance|lation))|v(e(ctorsearch|rtex-(agent|bp|e(s|val)|logging|m(m|oss-ft)|op|rag|s(andbox|htune|kills)|telemetry))|isionai|m(migration|wareengine)|pcaccess|s-cmek)|w(ebsecurityscanner|ork(flows|loadmanager|stations(vm)?)))))|s-project-accounts)|serv(erless-robot-prod|ice-(consumer-management|networking)))|service-(f[0-9]+|o[0-9]+|p[0-9]+)@gcp-sa-accessapproval|service-folder-[0-9]+@gcp-sa-(a(ssuredworkloads|udit-manager)|cloudcontrolspartner|logging|o(bservability|sconfig(-rollout)?)|p(am|rogrollout))|service-org-[0-9]+@(gcp-sa-(a(s(m-hpsa|suredoss)|udit-manager)|c(hronicle-(org|soar)|loud(kms|resourcemanager)|sc-hpsa)|dataplex(-cmek)?|effectivepolicy|ktd-hpsa|logging|nss-hpsa|o(bservability|sconfig(-rollout)?|thercloudcfg)|p(am|rogrollout)|scc(-(bulk-export|notification)|spanner)|v1-remediator)|security-center-api)|vault-[0-9]+-[a-z0-9-]+@gcp-sa-backupdr-pr)[.]iam[.]gserviceaccount[.]com|[0-9]+@cloudservices[.]gserviceaccount[.]com|service-agent-manager@system[.]gserviceaccount[.]com|system@google[.]com)$'))
  ) AS logged
  WHERE (service = 'artifactregistry.googleapis.com' AND name IN ('google.devtools.artifactregistry.ArtifactRegistry.GetDockerImage', 'google.devtools.artifactregistry.ArtifactRegistry.GetFile', 'google.devtools.artifactregistry.ArtifactRegistry.GetMavenArtifact', 'google.devtools.artifactregistry.ArtifactRegistry.GetNpmPackage', 'google.devtools.artifactregistry.ArtifactRegistry.GetPackage', 'google.devtools.artifactregistry.ArtifactRegistry.GetProjectSettings', 'google.devtools.artifactregistry.ArtifactRegistry.GetPythonPackage', 'google.devtools.artifactregistry.ArtifactRegistry.GetRepository', 'google.devtools.artifactregistry.ArtifactRegistry.GetTag', 'google.devtools.artifactregistry.ArtifactRegistry.GetVPCSCConfig', 'google.devtools.artifactregistry.ArtifactRegistry.GetVersion', 'google.devtools.artifactregistry.ArtifactRegistry.ListDockerImages', 'google.devtools.artifactregistry.ArtifactRegistry.ListFiles', 'google.devtools.artifactregistry.ArtifactRegistry.ListMavenArtifacts', 'google.devtools.artifactregistry.ArtifactRegistry.ListNpmPackages', 'google.devtools.artifactregistry.ArtifactRegistry.ListPackages', 'google.devtools.artifactregistry.ArtifactRegistry.ListPythonPackages', 'google.devtools.artifactregistry.ArtifactRegistry.ListRepositories', 'google.devtools.artifactregistry.ArtifactRegistry.ListTags', 'google.devtools.artifactregistry.ArtifactRegistry.ListVersions')
      OR service = 'container.googleapis.com' AND name IN ('google.container.ClusterManager.GetCluster', 'google.container.ClusterManager.GetServerConfig', 'google.container.ClusterManager.ListClusters', 'google.container.ClusterManager.ListNodePools')
      OR service = 'gkehub.googleapis.com' AND name IN ('google.cloud.gkehub.GkeHub.GetFeature', 'google.cloud.gkehub.GkeHub.GetFleet', 'google.cloud.gkehub.GkeHub.GetMembership', 'google.cloud.gkehub.GkeHub.GetMembershipBinding', 'google.cloud.gkehub.GkeHub.GetMembershipRBACRoleBinding', 'google.cloud.gkehub.GkeHub.GetNamespace', 'google.cloud.gkehub.GkeHub.GetRBACRoleBinding', 'google.cloud.gkehub.GkeHub.GetScope', 'google.cloud.gkehub.GkeHub.ListFeatures', 'google.cloud.gkehub.GkeHub.ListMembershipBindings', 'google.cloud.gkehub.GkeHub.ListMembershipRBACRoleBindings', 'google.cloud.gkehub.GkeHub.ListMemberships', 'google.cloud.gkehub.GkeHub.ListNamespaces', 'google.cloud.gkehub.GkeHub.ListRBACRoleBindings', 'google.cloud.gkehub.GkeHub.ListScopes', 'google.cloud.gkehub.GkeHubMembershipService.GetMembership', 'google.cloud.gkehub.GkeHubMembershipService.ListMemberships'))
    AND ts IS NOT NULL
),
windows AS (
  SELECT
    time_bucket(INTERVAL 15 MINUTE, ts, TIMESTAMP '1970-01-01') AS window_start, provider, caller, account,
    count(DISTINCT event_id) AS events,
    count(DISTINCT api) AS apis,
    list_slice(list_sort(list(DISTINCT api)), 1, 50) AS api_list,
    count(DISTINCT CASE WHEN region <> '' THEN region END) AS regions,
    list_slice(list_sort(list(DISTINCT address) FILTER (WHERE address <> '')), 1, 10) AS addresses,
    min(ts) AS first_seen,
    max(ts) AS last_seen
  FROM calls
  GROUP BY 1, 2, 3, 4
)
SELECT
  window_start AS "TimeGenerated",
  provider AS "CloudProvider",
  caller AS "Identity",
  account AS "AccountId",
  events AS "DiscoveryCount",
  apis AS "DistinctAPIs",
  api_list AS "APIList",
  regions AS "DistinctRegions",
  addresses AS "SourceIPs",
  first_seen AS "FirstSeen",
  last_seen AS "LastSeen",
  CASE
    WHEN apis >= 12 THEN 70
    WHEN apis >= 6 THEN 50
    ELSE 0
  END AS "RiskScore"
FROM windows
WHERE (apis >= 6)
ORDER BY "RiskScore" DESC, "DiscoveryCount" DESC, "CloudProvider", "Identity", "AccountId", "TimeGenerated"
