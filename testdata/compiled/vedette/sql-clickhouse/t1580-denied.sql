-- Cloud Infrastructure Discovery, refused
-- T1580.denied 1.0.0 (t1580-denied), profile vedette. ATT&CK T1580, T1526, T1087.004, T1069.003. Severity
--   medium, confidence medium.
-- One principal is refused many kinds of read, or one read of many resources, in a short time: what trying out a
--   stolen credential looks like. Users with few permissions, service control policies and posture scanners are
--   refused much too, but seldom in such breadth at once.
-- Window: tumbling of 15m. Fires at 5 distinct APIs, or 15 distinct targets.
-- Known false positives: A console page opened by a user who may see little of it; Posture management that lacks
--   permissions after a change of its policy; A service control policy that was just tightened.
-- WARNING: the Azure activity log has no reads (GET): of it only list-like actions (POST), such as listKeys, are
--   selected
-- WARNING: Key Vault logs calls only where a diagnostic setting of the vault sends AuditEvent
-- WARNING: Storage logs calls only where a diagnostic setting of the account sends StorageRead
-- WARNING: Google Cloud logs reads only where Data Access audit logs (ADMIN_READ) are switched on
-- selection of cloudtrail.management, azure.activity, azure.storage, gcp.data_access: approximated: an operation
--   that no catalogue lists counts by its verb, even where the log calls it a write.
-- identity of azure.activity: approximated: without an object id in the claims the caller's name stands for it.
-- identity of gcp.data_access: approximated: callers behind a delegation are not followed, and those without a
--   name not told apart by client.
-- event count: approximated: each retry of a throttled call counts.
-- duplicates of azure.activity, azure.key_vault: approximated: operations that share a correlation id count
--   once.
-- slices: impossible: a principal is judged as a whole; nothing is shipped instead.
-- lineage: impossible: who stands behind a session is not followed; nothing is shipped instead.
-- Reads cloudtrail: a table cloudtrail with a JSON column record, one CloudTrail record a row.
-- Reads azure_activity: a table azure_activity with a JSON column record, one row of the activity log as a diagnostic setting writes it.
-- Reads azure_key_vault: a table azure_key_vault with a JSON column record, one AuditEvent a row as a diagnostic setting writes it.
-- Reads azure_storage: a table azure_storage with a JSON column record, one resource log of StorageRead a row as a diagnostic setting writes it.
-- Reads gcp_audit: a table gcp_audit with a JSON column record, one LogEntry with an AuditLog a row.
WITH calls AS (
  SELECT ts, 'AWS' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id, concat(concat(service, '/', name), ' ', target) AS target
  FROM (
    SELECT
      parseDateTime64BestEffortOrNull(JSONExtractString(record, 'eventTime'), 6, 'UTC') AS ts,
      lower(JSONExtractString(record, 'eventSource')) AS service,
      replaceRegexpAll(JSONExtractString(record, 'eventName'), '(20[0-9]{6}|20[0-9]{2}_[0-9]{2}_[0-9]{2})(v[0-9]+)?$', '') AS name,
      CASE
        WHEN JSONExtractString(record, 'userIdentity', 'type') IN ('AssumedRole', 'Role')
          AND match(JSONExtractString(record, 'userIdentity', 'sessionContext', 'sessionIssuer', 'arn'), '/AWSReservedSSO_')
          THEN concat(JSONExtractString(record, 'userIdentity', 'sessionContext', 'sessionIssuer', 'arn'), '/', replaceRegexpAll(JSONExtractString(record, 'userIdentity', 'arn'), '^[^/]*/[^/]*/', ''))
        WHEN JSONExtractString(record, 'userIdentity', 'type') IN ('AssumedRole', 'Role', 'FederatedUser')
          AND JSONExtractString(record, 'userIdentity', 'sessionContext', 'sessionIssuer', 'arn') <> ''
          THEN JSONExtractString(record, 'userIdentity', 'sessionContext', 'sessionIssuer', 'arn')
        WHEN JSONExtractString(record, 'userIdentity', 'type') = 'AWSAccount' THEN concat('account:', JSONExtractString(record, 'userIdentity', 'accountId'))
        WHEN JSONExtractString(record, 'userIdentity', 'type') = 'AWSService' THEN concat('service:', JSONExtractString(record, 'userIdentity', 'invokedBy'))
        WHEN JSONExtractString(record, 'userIdentity', 'type') = 'IdentityCenterUser'
          THEN concat('identitycenter:', JSONExtractString(record, 'userIdentity', 'onBehalfOf', 'identityStoreArn'), '/', JSONExtractString(record, 'userIdentity', 'onBehalfOf', 'userId'))
        WHEN JSONExtractString(record, 'userIdentity', 'type') IN ('SAMLUser', 'WebIdentityUser')
          THEN concat(CASE JSONExtractString(record, 'userIdentity', 'type') WHEN 'SAMLUser' THEN 'saml:' ELSE 'oidc:' END, JSONExtractString(record, 'userIdentity', 'identityProvider'), '/',
            CASE WHEN JSONExtractString(record, 'userIdentity', 'userName') <> '' THEN JSONExtractString(record, 'userIdentity', 'userName') ELSE JSONExtractString(record, 'userIdentity', 'principalId') END)
        WHEN JSONExtractString(record, 'userIdentity', 'arn') <> '' THEN JSONExtractString(record, 'userIdentity', 'arn')
        ELSE concat('principal:', JSONExtractString(record, 'userIdentity', 'accountId'), '/', JSONExtractString(record, 'userIdentity', 'principalId'))
      END AS caller,
      CASE WHEN JSONExtractString(record, 'userIdentity', 'accountId') <> '' THEN JSONExtractString(record, 'userIdentity', 'accountId') ELSE JSONExtractString(record, 'recipientAccountId') END AS account,
      JSONExtractString(record, 'awsRegion') AS region,
      JSONExtractString(record, 'sourceIPAddress') AS address,
      JSONExtractString(record, 'eventID') AS event_id,
      JSONExtractRaw(record, 'requestParameters') AS target
    FROM cloudtrail
    WHERE JSONExtractString(record, 'eventName') <> '' AND JSONExtractString(record, 'eventCategory') <> 'Insight'
      AND (match(JSONExtractString(record, 'errorCode'), '(^|[.])(AccessDenied.*|.*AccessDenied(Fault)?|Unauthorized(Operation|Exception)?|.*NotAuthorized.*|AuthorizationError(Exception)?|AuthFailure|Forbidden(Exception)?|AllAccessDisabled|AccountProblem|40[13])$'))
      AND NOT (JSONExtractString(record, 'userIdentity', 'type') = 'AWSService' OR JSONExtractString(record, 'userIdentity', 'invokedBy') <> '' OR JSONExtractString(record, 'eventType') = 'AwsServiceEvent'
          OR match(JSONExtractString(record, 'sourceIPAddress'), '^AWS Internal$|[.]amazonaws[.]com([.]cn)?$'))
  ) AS logged
  WHERE (match(name, '^(([Bb]atchGet|[Dd]escribe|[Gg]et|[Hh]ead|[Ll]ist|[Ll]ookup|[Ss]earch|[Ss]imulate|[Vv]iew)([^a-z.][A-Za-z0-9_]*)?|[Gg]enerate(CredentialReport|ServiceLastAccessedDetails)|[Ss]elect[A-Za-z0-9_]*[Cc]onfig)$')
    AND NOT (match(name, '^(([Gg]etCredentials|[Gg]etDownload|[Gg]etInstanceAccess)([^a-z.][A-Za-z0-9_]*)?|[Bb]atch(GetImage|GetItem|GetRecord|GetSecretValue)|[Gg]et(AuthorizationToken|Blob|ClusterCredentialsWithIAM|Configuration|DataAccess|File|Folder|Id|Item|JobOutput|LatestConfiguration|LogEvents|LogObject|LogRecord|MetricData|MetricStatistics|Object|ObjectAttributes|ObjectTagging|ObjectTorrent|OpenIdTokenForDeveloperIdentity|PackageVersionAsset|PackageVersionReadme|Parameter|ParameterHistory|Parameters|ParametersByPath|PublicKey|QueryResults|Record|Records|SecretValue|ShardIterator|SnapshotBlock|StatementResult)|[Ss]electObjectContent|[Gg]et[A-Za-z0-9_]*([Cc]redentials|[Pp]assword|[Ss]ecretValue|[Tt]oken))$')))
    AND ts IS NOT NULL
  UNION ALL
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id, concat(concat(service, '/', name), ' ', target) AS target
  FROM (
    SELECT
      parseDateTime64BestEffortOrNull(JSONExtractString(record, 'time'), 6, 'UTC') AS ts,
      lower(replaceRegexpAll(JSONExtractString(record, 'operationName'), '/.*$', '')) AS service,
      lower(replaceRegexpAll(JSONExtractString(record, 'operationName'), '^[^/]*/', '')) AS name,
      CASE
        WHEN JSONExtractString(record, 'identity', 'claims', 'http://schemas.microsoft.com/identity/claims/objectidentifier') <> ''
          THEN concat('entra:', JSONExtractString(record, 'identity', 'claims', 'http://schemas.microsoft.com/identity/claims/tenantid'), '/',
            JSONExtractString(record, 'identity', 'claims', 'http://schemas.microsoft.com/identity/claims/objectidentifier'))
        ELSE lower(JSONExtractString(record, 'identity', 'claims', 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn'))
      END AS caller,
      lower(replaceRegexpAll(JSONExtractString(record, 'resourceId'), '^/[^/]*/([^/]*).*$', '\\1')) AS account,
      '' AS region,
      JSONExtractString(record, 'callerIpAddress') AS address,
      JSONExtractString(record, 'correlationId') AS event_id,
      lower(JSONExtractString(record, 'resourceId')) AS target
    FROM azure_activity
    WHERE JSONExtractString(record, 'resultType') NOT IN ('Start', 'Started', 'Accept', 'Accepted')
      AND (JSONExtractString(record, 'properties', 'statusCode') IN ('Forbidden', 'Unauthorized') OR JSONExtractString(record, 'resultSignature') LIKE '%AuthorizationFailed%')
  ) AS logged
  WHERE (match(name, '/((describe|get|head|list|lookup|search|simulate|view)[a-z0-9_]*|effectivenetworksecuritygroups|effectiveroutetable|readonlykeys|sharedkeys|checkaccess|connectivitycheck|generatecostdetailsreport|ipflowverify|nexthop|publishxml|query|queryflowlogstatus|retrievebootdiagnosticsdata|securitygroupview|topology)/action$')
    OR service = 'microsoft.authorization' AND name = 'checkaccess/action'
      OR service = 'microsoft.costmanagement' AND name IN ('generatecostdetailsreport/action', 'query/action'))
    AND ts IS NOT NULL
  UNION ALL
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id, concat(concat(service, '/', name), ' ', target) AS target
  FROM (
    SELECT
      parseDateTime64BestEffortOrNull(JSONExtractString(record, 'time'), 6, 'UTC') AS ts,
      'microsoft.keyvault' AS service,
      lower(JSONExtractString(record, 'operationName')) AS name,
      concat('entra:',
        CASE
          WHEN JSONExtractString(record, 'identity', 'claim', 'http://schemas.microsoft.com/identity/claims/tenantid') <> ''
            THEN JSONExtractString(record, 'identity', 'claim', 'http://schemas.microsoft.com/identity/claims/tenantid')
          WHEN JSONExtractString(record, 'tenantId') <> '' THEN JSONExtractString(record, 'tenantId')
          ELSE 'tenant-not-logged'
        END, '/', JSONExtractString(record, 'identity', 'claim', 'http://schemas.microsoft.com/identity/claims/objectidentifier')) AS caller,
      lower(replaceRegexpAll(JSONExtractString(record, 'resourceId'), '^/[^/]*/([^/]*).*$', '\\1')) AS account,
      '' AS region,
      JSONExtractString(record, 'callerIpAddress') AS address,
      JSONExtractString(record, 'correlationId') AS event_id,
      JSONExtractString(record, 'properties', 'requestUri') AS target
    FROM azure_key_vault
    WHERE (JSONExtractString(record, 'properties', 'httpStatusCode') IN ('401', '403'))
  ) AS logged
  WHERE (service = 'microsoft.keyvault' AND name IN ('certificatecontactsget', 'certificateget', 'certificategetdeleted', 'certificateissuerget', 'certificateissuerslist', 'certificatelist', 'certificatelistdeleted', 'certificatelistversions', 'certificatependingget', 'certificatepolicyget', 'keyget', 'keygetdeleted', 'keylist', 'keylistdeleted', 'keylistversions', 'secretgetdeleted', 'secretlist', 'secretlistdeleted', 'secretlistversions', 'vaultget', 'vaultgetdeleted', 'vaultlist', 'vaultlistdeleted'))
    AND ts IS NOT NULL
  UNION ALL
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id, concat(concat(service, '/', name), ' ', target) AS target
  FROM (
    SELECT
      parseDateTime64BestEffortOrNull(JSONExtractString(record, 'time'), 6, 'UTC') AS ts,
      'microsoft.storage' AS service,
      lower(JSONExtractString(record, 'operationName')) AS name,
      CASE
        WHEN JSONExtractString(record, 'identity', 'requester', 'objectId') <> ''
          THEN concat('entra:', JSONExtractString(record, 'identity', 'requester', 'tenantId'), '/', JSONExtractString(record, 'identity', 'requester', 'objectId'))
        WHEN JSONExtractString(record, 'identity', 'type') = 'AccountKey' THEN concat('accountkey:', JSONExtractString(record, 'properties', 'accountName'))
        WHEN JSONExtractString(record, 'identity', 'type') = 'SAS' THEN concat('sas:', JSONExtractString(record, 'properties', 'accountName'))
        ELSE concat('anonymous:', JSONExtractString(record, 'properties', 'accountName'))
      END AS caller,
      lower(replaceRegexpAll(JSONExtractString(record, 'resourceId'), '^/[^/]*/([^/]*).*$', '\\1')) AS account,
      JSONExtractString(record, 'location') AS region,
      replaceRegexpAll(JSONExtractString(record, 'callerIpAddress'), ':[0-9]+$', '') AS address,
      JSONExtractString(record, 'correlationId') AS event_id,
      JSONExtractString(record, 'uri') AS target
    FROM azure_storage
    WHERE (JSONExtractString(record, 'statusCode') IN ('401', '403'))
  ) AS logged
  WHERE (match(name, '^((describe|get|head|list|lookup|search|simulate|view)[a-z0-9_]*|findblobsbytags|querytables)$')
    AND NOT (match(name, '^(getblob|getuserdelegationkey|getblobpreview|getfile|getmessage|getmessages)$')))
    AND ts IS NOT NULL
  UNION ALL
  SELECT ts, 'GCP' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id, concat(concat(service, '/', name), ' ', target) AS target
  FROM (
    SELECT
      parseDateTime64BestEffortOrNull(JSONExtractString(record, 'timestamp'), 6, 'UTC') AS ts,
      lower(JSONExtractString(record, 'protoPayload', 'serviceName')) AS service,
      replaceRegexpAll(replaceRegexpAll(JSONExtractString(record, 'protoPayload', 'methodName'), '^(alpha|beta|v[0-9]+[a-z0-9]*)[.]', ''), '[.]v[0-9]+[a-z0-9]*[.]', '.') AS name,
      CASE
        WHEN JSONExtractString(record, 'protoPayload', 'authenticationInfo', 'principalEmail') <> '' THEN lower(JSONExtractString(record, 'protoPayload', 'authenticationInfo', 'principalEmail'))
        WHEN JSONExtractString(record, 'protoPayload', 'authenticationInfo', 'principalSubject') <> '' THEN JSONExtractString(record, 'protoPayload', 'authenticationInfo', 'principalSubject')
        ELSE concat('redacted:', JSONExtractString(record, 'resource', 'labels', 'project_id'), '/', JSONExtractString(record, 'protoPayload', 'requestMetadata', 'callerIp'))
      END AS caller,
      CASE
        WHEN match(JSONExtractString(record, 'logName'), '^(organizations|folders|billingAccounts|projects)/([^/_]|_[^/])')
          THEN replaceRegexpAll(replaceRegexpAll(JSONExtractString(record, 'logName'), '^([^/]+/[^/]+).*$', '\\1'), '^projects/', '')
        WHEN JSONExtractString(record, 'resource', 'labels', 'project_id') <> '' THEN JSONExtractString(record, 'resource', 'labels', 'project_id')
        WHEN match(JSONExtractString(record, 'protoPayload', 'resourceName'), '^(organizations|folders|billingAccounts|projects)/([^/_]|_[^/])')
          THEN replaceRegexpAll(replaceRegexpAll(JSONExtractString(record, 'protoPayload', 'resourceName'), '^([^/]+/[^/]+).*$', '\\1'), '^projects/', '')
        ELSE ''
      END AS account,
      replaceRegexpAll(coalesce(nullif(JSONExtractString(record, 'resource', 'labels', 'region'), ''), nullif(JSONExtractString(record, 'resource', 'labels', 'location'), ''), JSONExtractString(record, 'resource', 'labels', 'zone')), '^(-|global)$|-[a-z]$', '') AS region,
      JSONExtractString(record, 'protoPayload', 'requestMetadata', 'callerIp') AS address,
      JSONExtractString(record, 'insertId') AS event_id,
      JSONExtractString(record, 'protoPayload', 'resourceName') AS target
    FROM gcp_audit
    WHERE JSONExtractString(record, 'protoPayload', 'methodName') <> ''
      AND (JSONExtractString(record, 'protoPayload', 'status', 'code') IN ('7', '16'))
      AND NOT (match(JSONExtractString(record, 'logName'), 'cloudaudit[.]googleapis[.]com(%2F|/)?system_event$')
          OR match(replaceRegexpAll(lower(coalesce(nullif(JSONExtractString(record, 'protoPayload', 'authenticationInfo', 'principalEmail'), ''), JSONExtractString(record, 'protoPayload', 'authenticationInfo', 'principalSubject'))), '^serviceaccount:', ''), '^((b[0-9]+-[a-z0-9-]+@gcp-sa-bundles|blirc-[0-9]+-[a-z0-9-]+@gcp-sa-biglakerestcatalog|bq-[0-9]+@bigquery-encryption|bqcx-[0-9]+-[a-z0-9-]+@gcp-sa-bigquery-con(del|sp)|c-[0-9]+-[a-z0-9-]+@gcp-sa-alloydb|connection-[0-9]+-[a-z0-9-]+@gcp-sa-bigquery-condel|(f[0-9]+-[a-z0-9-]+|o[0-9]+-[a-z0-9-]+|p[0-9]+-[a-z0-9-]+)@gcp-sa-(cloud-sql|logging|playbooks)|organizations-[0-9]+@gcp-sa-riskmanager|p-[0-9]+-[a-z0-9-]+@gcp-sa-generativelanguage|project-[0-9]+@storage-transfer-service|service-[0-9]+@(c(loud(-(filer|memcache-sa|redis)|composer-accounts)|o(mpute-system|ntainer(-(analysis|engine-robot)|registry)))|d(ata(flow-service-producer-prod|proc-accounts)|lp-api)|firebase-rules|g(ae-api-prod|c(f-admin-robot|p-(gae-service|sa-(a(dsdatahub|gent(gateway|registry)|iplatform(-(is|pie))?|lloydb|n(alyticshub|thos(audit|configmanagement|identityservice|policycontroller|support)?)|p(i(g(ateway(-mgmt)?|ee(registry)?)|hub|keys|m)|p(devexperience|hub|optimize))|rtifactregistry|ssuredworkloads|u(dit-manager|to(annotate|ml)))|b(ackupdr(-run)?|i(g(query(connection|datatransfer|ri|spark|tardis)|table)|naryauthorization)|ms|ne|qms|usinessaicode)|c(c(ai(-cmek|p)|insights-cmek)|e(rtificatemanager|s)|hronicle|loud(-(cw(-cmek)?|ekg|sql|trace)|a(icompanion|sset)|b(atch|uild)|deploy|kms|optim|scheduler|tasks)|o(mpute-usage|n(fig(delivery)?|nect(edsheets|ors)|ta(ctcenterinsights|iners(canning|ec))))|rashlytics|sc-hpsa)|d(ata(connectors|f(orm|usion)|labeling|migration|p(ipelines|lex|rocrmnode)|st(ream|udio(-cmek)?))|e(p|signcenter|vconnect)|i(a(gon|logflow(-cmek)?)|scoveryengine)|ns)|e(dgecontainer(cluster|gcr)?|kms|ndpoints|ventarc)|f(ire(base(app(check|hosting)|data(base|connect)|m(l|ods)|storage|vertexai)?|store|wallinsights)|s-spanner)|g(e(mini(codeassistmp|dataanalytics)|nerativelanguage)|ke(backup|dataplanev2|hub|multicloud(c(ontainer|pmachine)|npmachine)?|node|onprem)|lobal-spanner|suiteaddons)|h(ealthcare|ypercomputecluster)|i(ap|dentitytoolkit|ntegrations|vs)|k(rmapihosting(-dataplane)?|td-(control|hpsa))|l(ivestream|o(gging|oker)|ustre)|m(anaged(flink|kafka)|c(metering|sd)|e(morystore|sh(con(fig|trolplane)|dataplane)|tastore)|i(gcenter)?|o(delarmor|nitoring(-notification)?)|ulticlusteringress)|n(et(app|work(actions|connectivity|management|security))|otebooks(ecurityscanner)?|s(-authz|s-hpsa))|o(bservability|ci|ndemandscanning|sconfig(-rollout)?)|p(a(m|rallelstore)|m|r(ivateca|o(d-(bigqueryomni|dai-core)|grollout))|ubsub(lite)?)|r(e(commendationengine|tail)|ma|outeoptim|un(-ai|apps))|s(aasservicemgmt|cc-(notification|vmtd)|e(c(retmanager|ur(ewebproxy|itycenter))|rvice(directory|mesh))|ourcemanager|p(anner|e(ctrumsas|ech))|t(orage(-search|insights)|ream))|t(pu|rans(coder|ferappliance|lation))|v(e(ctorsearch|rtex-(agent|bp|e(s|val)|logging|m(m|oss-ft)|op|rag|s(andbox|htune|kills)|telemetry))|isionai|m(migration|wareengine)|pcaccess|s-cmek)|w(ebsecurityscanner|ork(flows|loadmanager|stations(vm)?)))))|s-project-accounts)|serv(erless-robot-prod|ice-(consumer-management|networking)))|service-(f[0-9]+|o[0-9]+|p[0-9]+)@gcp-sa-accessapproval|service-folder-[0-9]+@gcp-sa-(a(ssuredworkloads|udit-manager)|cloudcontrolspartner|logging|o(bservability|sconfig(-rollout)?)|p(am|rogrollout))|service-org-[0-9]+@(gcp-sa-(a(s(m-hpsa|suredoss)|udit-manager)|c(hronicle-(org|soar)|loud(kms|resourcemanager)|sc-hpsa)|dataplex(-cmek)?|effectivepolicy|ktd-hpsa|logging|nss-hpsa|o(bservability|sconfig(-rollout)?|thercloudcfg)|p(am|rogrollout)|scc(-(bulk-export|notification)|spanner)|v1-remediator)|security-center-api)|vault-[0-9]+-[a-z0-9-]+@gcp-sa-backupdr-pr)[.]iam[.]gserviceaccount[.]com|[0-9]+@cloudservices[.]gserviceaccount[.]com|service-agent-manager@system[.]gserviceaccount[.]com|system@google[.]com)$'))
  ) AS logged
  WHERE (match(name, '(^|[.])(([Aa]ggregatedList|[Aa]nalyzeIam|[Aa]nalyzeOrg|[Bb]atchGet|[Dd]escribe|[Gg]et|[Hh]ead|[Ll]ist|[Ll]ookup|[Ss]earch|[Ss]imulate|[Vv]iew)([^a-z.][A-Za-z0-9_]*)?|[Aa]nalyzeMove|[Ee]xportAssets|[Qq]uery(ArtifactLineageSubgraph|Assets|ContextLineageSubgraph|DeployedModels|ExecutionInputsAndOutputs|GrantableRoles|Metadata)|[Tt]est(IAMPermissions|IamPermissions))$')
    AND NOT (match(name, '(^|[.])(([Gg]etOrCreate)([^a-z.][A-Za-z0-9_]*)?|[Bb]atchGetDocuments|[Gg]et(Document|NotificationChannelVerificationCode|PublicKey|QueryResults)|[Ll]ist(Documents|LogEntries|TimeSeries)|[Ll]isten|[Ll]ookup)$'))
    AND NOT (service = 'bigquery.googleapis.com' AND name IN ('google.cloud.bigquery.TableDataService.List', 'tabledataservice.list')
      OR service = 'storage.googleapis.com' AND name IN ('google.storage.objects.get', 'storage.objects.get')))
    AND ts IS NOT NULL
),
windows AS (
  SELECT
    toStartOfInterval(ts, INTERVAL 15 MINUTE, 'UTC') AS window_start, provider, caller, account,
    count(DISTINCT event_id) AS events,
    count(DISTINCT api) AS apis,
    count(DISTINCT target) AS targets,
    arraySlice(arraySort(groupUniqArray(api)), 1, 50) AS api_list,
    count(DISTINCT CASE WHEN region <> '' THEN region END) AS regions,
    arraySlice(arraySort(groupUniqArray(address) FILTER (WHERE address <> '')), 1, 10) AS addresses,
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
  targets AS "DistinctTargets",
  api_list AS "APIList",
  regions AS "DistinctRegions",
  addresses AS "SourceIPs",
  first_seen AS "FirstSeen",
  last_seen AS "LastSeen",
  CASE
    WHEN apis >= 15 THEN 90
    WHEN apis >= 5 OR targets >= 15 THEN 70
    ELSE 0
  END AS "RiskScore"
FROM windows
WHERE (apis >= 5 OR targets >= 15)
ORDER BY "RiskScore" DESC, "DiscoveryCount" DESC, "CloudProvider", "Identity", "AccountId", "TimeGenerated"
