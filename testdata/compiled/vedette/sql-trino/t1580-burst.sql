-- Cloud Infrastructure Discovery
-- T1580 1.0.0 (t1580-burst), profile vedette. ATT&CK T1580, T1526, T1619, T1613, T1087.004, T1069.003,
--   T1518.001, T1538, T1654. Severity low (a building block; the detection says medium), confidence medium.
-- One principal asks in a short time what there is in an account, subscription or project: many read calls, or
--   few of many kinds. Every call counts that the catalogues class as discovery, and every unknown one that
--   reads by its verb and by the log's own word; refused calls count like answered ones. Calls that the provider
--   makes itself do not count, and the directory reads of Microsoft Graph have a detection of their own.
-- Window: tumbling of 15m. Fires at 10 calls, or 5 distinct APIs.
-- Known false positives: Infrastructure as code that reads the state of everything it manages before it plans a
--   change; Posture management and inventory that reads whole accounts on a schedule; Cost management that lists
--   instances and storage; Deployment pipelines that wait for a resource by describing it again and again;
--   Backup software that looks for what to back up; One page of a web console, which can make dozens of calls of
--   twenty kinds at once.
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
  SELECT ts, 'AWS' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id
  FROM (
    SELECT
      try(from_iso8601_timestamp_nanos(coalesce(json_extract_scalar(record, '$["eventTime"]'), ''))) AS ts,
      lower(coalesce(json_extract_scalar(record, '$["eventSource"]'), '')) AS service,
      regexp_replace(coalesce(json_extract_scalar(record, '$["eventName"]'), ''), '(20[0-9]{6}|20[0-9]{2}_[0-9]{2}_[0-9]{2})(v[0-9]+)?$', '') AS name,
      CASE
        WHEN coalesce(json_extract_scalar(record, '$["userIdentity"]["type"]'), '') IN ('AssumedRole', 'Role')
          AND regexp_like(coalesce(json_extract_scalar(record, '$["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]'), ''), '/AWSReservedSSO_')
          THEN concat(coalesce(json_extract_scalar(record, '$["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]'), ''), '/', regexp_replace(coalesce(json_extract_scalar(record, '$["userIdentity"]["arn"]'), ''), '^[^/]*/[^/]*/', ''))
        WHEN coalesce(json_extract_scalar(record, '$["userIdentity"]["type"]'), '') IN ('AssumedRole', 'Role', 'FederatedUser')
          AND coalesce(json_extract_scalar(record, '$["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]'), '') <> ''
          THEN coalesce(json_extract_scalar(record, '$["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]'), '')
        WHEN coalesce(json_extract_scalar(record, '$["userIdentity"]["type"]'), '') = 'AWSAccount' THEN concat('account:', coalesce(json_extract_scalar(record, '$["userIdentity"]["accountId"]'), ''))
        WHEN coalesce(json_extract_scalar(record, '$["userIdentity"]["type"]'), '') = 'AWSService' THEN concat('service:', coalesce(json_extract_scalar(record, '$["userIdentity"]["invokedBy"]'), ''))
        WHEN coalesce(json_extract_scalar(record, '$["userIdentity"]["type"]'), '') = 'IdentityCenterUser'
          THEN concat('identitycenter:', coalesce(json_extract_scalar(record, '$["userIdentity"]["onBehalfOf"]["identityStoreArn"]'), ''), '/', coalesce(json_extract_scalar(record, '$["userIdentity"]["onBehalfOf"]["userId"]'), ''))
        WHEN coalesce(json_extract_scalar(record, '$["userIdentity"]["type"]'), '') IN ('SAMLUser', 'WebIdentityUser')
          THEN concat(CASE coalesce(json_extract_scalar(record, '$["userIdentity"]["type"]'), '') WHEN 'SAMLUser' THEN 'saml:' ELSE 'oidc:' END, coalesce(json_extract_scalar(record, '$["userIdentity"]["identityProvider"]'), ''), '/',
            CASE WHEN coalesce(json_extract_scalar(record, '$["userIdentity"]["userName"]'), '') <> '' THEN coalesce(json_extract_scalar(record, '$["userIdentity"]["userName"]'), '') ELSE coalesce(json_extract_scalar(record, '$["userIdentity"]["principalId"]'), '') END)
        WHEN coalesce(json_extract_scalar(record, '$["userIdentity"]["arn"]'), '') <> '' THEN coalesce(json_extract_scalar(record, '$["userIdentity"]["arn"]'), '')
        ELSE concat('principal:', coalesce(json_extract_scalar(record, '$["userIdentity"]["accountId"]'), ''), '/', coalesce(json_extract_scalar(record, '$["userIdentity"]["principalId"]'), ''))
      END AS caller,
      CASE WHEN coalesce(json_extract_scalar(record, '$["userIdentity"]["accountId"]'), '') <> '' THEN coalesce(json_extract_scalar(record, '$["userIdentity"]["accountId"]'), '') ELSE coalesce(json_extract_scalar(record, '$["recipientAccountId"]'), '') END AS account,
      coalesce(json_extract_scalar(record, '$["awsRegion"]'), '') AS region,
      coalesce(json_extract_scalar(record, '$["sourceIPAddress"]'), '') AS address,
      coalesce(json_extract_scalar(record, '$["eventID"]'), '') AS event_id
    FROM cloudtrail
    WHERE coalesce(json_extract_scalar(record, '$["eventName"]'), '') <> '' AND coalesce(json_extract_scalar(record, '$["eventCategory"]'), '') <> 'Insight'
      AND NOT (coalesce(json_extract_scalar(record, '$["userIdentity"]["type"]'), '') = 'AWSService' OR coalesce(json_extract_scalar(record, '$["userIdentity"]["invokedBy"]'), '') <> '' OR coalesce(json_extract_scalar(record, '$["eventType"]'), '') = 'AwsServiceEvent'
          OR regexp_like(coalesce(json_extract_scalar(record, '$["sourceIPAddress"]'), ''), '^AWS Internal$|[.]amazonaws[.]com([.]cn)?$'))
  ) AS logged
  WHERE (regexp_like(name, '^(([Bb]atchGet|[Dd]escribe|[Gg]et|[Hh]ead|[Ll]ist|[Ll]ookup|[Ss]earch|[Ss]imulate|[Vv]iew)([^a-z.][A-Za-z0-9_]*)?|[Gg]enerate(CredentialReport|ServiceLastAccessedDetails)|[Ss]elect[A-Za-z0-9_]*[Cc]onfig)$')
    AND NOT (regexp_like(name, '^(([Gg]etCredentials|[Gg]etDownload|[Gg]etInstanceAccess)([^a-z.][A-Za-z0-9_]*)?|[Bb]atch(GetImage|GetItem|GetRecord|GetSecretValue)|[Gg]et(AuthorizationToken|Blob|ClusterCredentialsWithIAM|Configuration|DataAccess|File|Folder|Id|Item|JobOutput|LatestConfiguration|LogEvents|LogObject|LogRecord|MetricData|MetricStatistics|Object|ObjectAttributes|ObjectTagging|ObjectTorrent|OpenIdTokenForDeveloperIdentity|PackageVersionAsset|PackageVersionReadme|Parameter|ParameterHistory|Parameters|ParametersByPath|PublicKey|QueryResults|Record|Records|SecretValue|ShardIterator|SnapshotBlock|StatementResult)|[Ss]electObjectContent|[Gg]et[A-Za-z0-9_]*([Cc]redentials|[Pp]assword|[Ss]ecretValue|[Tt]oken))$')))
    AND ts IS NOT NULL
  UNION ALL
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id
  FROM (
    SELECT
      try(from_iso8601_timestamp_nanos(coalesce(json_extract_scalar(record, '$["time"]'), ''))) AS ts,
      lower(regexp_replace(coalesce(json_extract_scalar(record, '$["operationName"]'), ''), '/.*$', '')) AS service,
      lower(regexp_replace(coalesce(json_extract_scalar(record, '$["operationName"]'), ''), '^[^/]*/', '')) AS name,
      CASE
        WHEN coalesce(json_extract_scalar(record, '$["identity"]["claims"]["http://schemas.microsoft.com/identity/claims/objectidentifier"]'), '') <> ''
          THEN concat('entra:', coalesce(json_extract_scalar(record, '$["identity"]["claims"]["http://schemas.microsoft.com/identity/claims/tenantid"]'), ''), '/',
            coalesce(json_extract_scalar(record, '$["identity"]["claims"]["http://schemas.microsoft.com/identity/claims/objectidentifier"]'), ''))
        ELSE lower(coalesce(json_extract_scalar(record, '$["identity"]["claims"]["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"]'), ''))
      END AS caller,
      lower(regexp_replace(coalesce(json_extract_scalar(record, '$["resourceId"]'), ''), '^/[^/]*/([^/]*).*$', '$1')) AS account,
      '' AS region,
      coalesce(json_extract_scalar(record, '$["callerIpAddress"]'), '') AS address,
      coalesce(json_extract_scalar(record, '$["correlationId"]'), '') AS event_id
    FROM azure_activity
    WHERE coalesce(json_extract_scalar(record, '$["resultType"]'), '') NOT IN ('Start', 'Started', 'Accept', 'Accepted')
  ) AS logged
  WHERE (regexp_like(name, '/((describe|get|head|list|lookup|search|simulate|view)[a-z0-9_]*|effectivenetworksecuritygroups|effectiveroutetable|readonlykeys|sharedkeys|checkaccess|connectivitycheck|generatecostdetailsreport|ipflowverify|nexthop|publishxml|query|queryflowlogstatus|retrievebootdiagnosticsdata|securitygroupview|topology)/action$')
    OR service = 'microsoft.authorization' AND name = 'checkaccess/action'
      OR service = 'microsoft.costmanagement' AND name IN ('generatecostdetailsreport/action', 'query/action'))
    AND ts IS NOT NULL
  UNION ALL
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id
  FROM (
    SELECT
      try(from_iso8601_timestamp_nanos(coalesce(json_extract_scalar(record, '$["time"]'), ''))) AS ts,
      'microsoft.keyvault' AS service,
      lower(coalesce(json_extract_scalar(record, '$["operationName"]'), '')) AS name,
      concat('entra:',
        CASE
          WHEN coalesce(json_extract_scalar(record, '$["identity"]["claim"]["http://schemas.microsoft.com/identity/claims/tenantid"]'), '') <> ''
            THEN coalesce(json_extract_scalar(record, '$["identity"]["claim"]["http://schemas.microsoft.com/identity/claims/tenantid"]'), '')
          WHEN coalesce(json_extract_scalar(record, '$["tenantId"]'), '') <> '' THEN coalesce(json_extract_scalar(record, '$["tenantId"]'), '')
          ELSE 'tenant-not-logged'
        END, '/', coalesce(json_extract_scalar(record, '$["identity"]["claim"]["http://schemas.microsoft.com/identity/claims/objectidentifier"]'), '')) AS caller,
      lower(regexp_replace(coalesce(json_extract_scalar(record, '$["resourceId"]'), ''), '^/[^/]*/([^/]*).*$', '$1')) AS account,
      '' AS region,
      coalesce(json_extract_scalar(record, '$["callerIpAddress"]'), '') AS address,
      coalesce(json_extract_scalar(record, '$["correlationId"]'), '') AS event_id
    FROM azure_key_vault
  ) AS logged
  WHERE (service = 'microsoft.keyvault' AND name IN ('certificatecontactsget', 'certificateget', 'certificategetdeleted', 'certificateissuerget', 'certificateissuerslist', 'certificatelist', 'certificatelistdeleted', 'certificatelistversions', 'certificatependingget', 'certificatepolicyget', 'keyget', 'keygetdeleted', 'keylist', 'keylistdeleted', 'keylistversions', 'secretgetdeleted', 'secretlist', 'secretlistdeleted', 'secretlistversions', 'vaultget', 'vaultgetdeleted', 'vaultlist', 'vaultlistdeleted'))
    AND ts IS NOT NULL
  UNION ALL
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id
  FROM (
    SELECT
      try(from_iso8601_timestamp_nanos(coalesce(json_extract_scalar(record, '$["time"]'), ''))) AS ts,
      'microsoft.storage' AS service,
      lower(coalesce(json_extract_scalar(record, '$["operationName"]'), '')) AS name,
      CASE
        WHEN coalesce(json_extract_scalar(record, '$["identity"]["requester"]["objectId"]'), '') <> ''
          THEN concat('entra:', coalesce(json_extract_scalar(record, '$["identity"]["requester"]["tenantId"]'), ''), '/', coalesce(json_extract_scalar(record, '$["identity"]["requester"]["objectId"]'), ''))
        WHEN coalesce(json_extract_scalar(record, '$["identity"]["type"]'), '') = 'AccountKey' THEN concat('accountkey:', coalesce(json_extract_scalar(record, '$["properties"]["accountName"]'), ''))
        WHEN coalesce(json_extract_scalar(record, '$["identity"]["type"]'), '') = 'SAS' THEN concat('sas:', coalesce(json_extract_scalar(record, '$["properties"]["accountName"]'), ''))
        ELSE concat('anonymous:', coalesce(json_extract_scalar(record, '$["properties"]["accountName"]'), ''))
      END AS caller,
      lower(regexp_replace(coalesce(json_extract_scalar(record, '$["resourceId"]'), ''), '^/[^/]*/([^/]*).*$', '$1')) AS account,
      coalesce(json_extract_scalar(record, '$["location"]'), '') AS region,
      regexp_replace(coalesce(json_extract_scalar(record, '$["callerIpAddress"]'), ''), ':[0-9]+$', '') AS address,
      coalesce(json_extract_scalar(record, '$["correlationId"]'), '') AS event_id
    FROM azure_storage
  ) AS logged
  WHERE (regexp_like(name, '^((describe|get|head|list|lookup|search|simulate|view)[a-z0-9_]*|findblobsbytags|querytables)$')
    AND NOT (regexp_like(name, '^(getblob|getuserdelegationkey|getblobpreview|getfile|getmessage|getmessages)$')))
    AND ts IS NOT NULL
  UNION ALL
  SELECT ts, 'GCP' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id
  FROM (
    SELECT
      try(from_iso8601_timestamp_nanos(coalesce(json_extract_scalar(record, '$["timestamp"]'), ''))) AS ts,
      lower(coalesce(json_extract_scalar(record, '$["protoPayload"]["serviceName"]'), '')) AS service,
      regexp_replace(regexp_replace(coalesce(json_extract_scalar(record, '$["protoPayload"]["methodName"]'), ''), '^(alpha|beta|v[0-9]+[a-z0-9]*)[.]', ''), '[.]v[0-9]+[a-z0-9]*[.]', '.') AS name,
      CASE
        WHEN coalesce(json_extract_scalar(record, '$["protoPayload"]["authenticationInfo"]["principalEmail"]'), '') <> '' THEN lower(coalesce(json_extract_scalar(record, '$["protoPayload"]["authenticationInfo"]["principalEmail"]'), ''))
        WHEN coalesce(json_extract_scalar(record, '$["protoPayload"]["authenticationInfo"]["principalSubject"]'), '') <> '' THEN coalesce(json_extract_scalar(record, '$["protoPayload"]["authenticationInfo"]["principalSubject"]'), '')
        ELSE concat('redacted:', coalesce(json_extract_scalar(record, '$["resource"]["labels"]["project_id"]'), ''), '/', coalesce(json_extract_scalar(record, '$["protoPayload"]["requestMetadata"]["callerIp"]'), ''))
      END AS caller,
      CASE
        WHEN regexp_like(coalesce(json_extract_scalar(record, '$["logName"]'), ''), '^(organizations|folders|billingAccounts|projects)/([^/_]|_[^/])')
          THEN regexp_replace(regexp_replace(coalesce(json_extract_scalar(record, '$["logName"]'), ''), '^([^/]+/[^/]+).*$', '$1'), '^projects/', '')
        WHEN coalesce(json_extract_scalar(record, '$["resource"]["labels"]["project_id"]'), '') <> '' THEN coalesce(json_extract_scalar(record, '$["resource"]["labels"]["project_id"]'), '')
        WHEN regexp_like(coalesce(json_extract_scalar(record, '$["protoPayload"]["resourceName"]'), ''), '^(organizations|folders|billingAccounts|projects)/([^/_]|_[^/])')
          THEN regexp_replace(regexp_replace(coalesce(json_extract_scalar(record, '$["protoPayload"]["resourceName"]'), ''), '^([^/]+/[^/]+).*$', '$1'), '^projects/', '')
        ELSE ''
      END AS account,
      regexp_replace(coalesce(nullif(coalesce(json_extract_scalar(record, '$["resource"]["labels"]["region"]'), ''), ''), nullif(coalesce(json_extract_scalar(record, '$["resource"]["labels"]["location"]'), ''), ''), coalesce(json_extract_scalar(record, '$["resource"]["labels"]["zone"]'), '')), '^(-|global)$|-[a-z]$', '') AS region,
      coalesce(json_extract_scalar(record, '$["protoPayload"]["requestMetadata"]["callerIp"]'), '') AS address,
      coalesce(json_extract_scalar(record, '$["insertId"]'), '') AS event_id
    FROM gcp_audit
    WHERE coalesce(json_extract_scalar(record, '$["protoPayload"]["methodName"]'), '') <> ''
      AND NOT (regexp_like(coalesce(json_extract_scalar(record, '$["logName"]'), ''), 'cloudaudit[.]googleapis[.]com(%2F|/)?system_event$')
          OR regexp_like(regexp_replace(lower(coalesce(nullif(coalesce(json_extract_scalar(record, '$["protoPayload"]["authenticationInfo"]["principalEmail"]'), ''), ''), coalesce(json_extract_scalar(record, '$["protoPayload"]["authenticationInfo"]["principalSubject"]'), ''))), '^serviceaccount:', ''), '^((b[0-9]+-[a-z0-9-]+@gcp-sa-bundles|blirc-[0-9]+-[a-z0-9-]+@gcp-sa-biglakerestcatalog|bq-[0-9]+@bigquery-encryption|bqcx-[0-9]+-[a-z0-9-]+@gcp-sa-bigquery-con(del|sp)|c-[0-9]+-[a-z0-9-]+@gcp-sa-alloydb|connection-[0-9]+-[a-z0-9-]+@gcp-sa-bigquery-condel|(f[0-9]+-[a-z0-9-]+|o[0-9]+-[a-z0-9-]+|p[0-9]+-[a-z0-9-]+)@gcp-sa-(cloud-sql|logging|playbooks)|organizations-[0-9]+@gcp-sa-riskmanager|p-[0-9]+-[a-z0-9-]+@gcp-sa-generativelanguage|project-[0-9]+@storage-transfer-service|service-[0-9]+@(c(loud(-(filer|memcache-sa|redis)|composer-accounts)|o(mpute-system|ntainer(-(analysis|engine-robot)|registry)))|d(ata(flow-service-producer-prod|proc-accounts)|lp-api)|firebase-rules|g(ae-api-prod|c(f-admin-robot|p-(gae-service|sa-(a(dsdatahub|gent(gateway|registry)|iplatform(-(is|pie))?|lloydb|n(alyticshub|thos(audit|configmanagement|identityservice|policycontroller|support)?)|p(i(g(ateway(-mgmt)?|ee(registry)?)|hub|keys|m)|p(devexperience|hub|optimize))|rtifactregistry|ssuredworkloads|u(dit-manager|to(annotate|ml)))|b(ackupdr(-run)?|i(g(query(connection|datatransfer|ri|spark|tardis)|table)|naryauthorization)|ms|ne|qms|usinessaicode)|c(c(ai(-cmek|p)|insights-cmek)|e(rtificatemanager|s)|hronicle|loud(-(cw(-cmek)?|ekg|sql|trace)|a(icompanion|sset)|b(atch|uild)|deploy|kms|optim|scheduler|tasks)|o(mpute-usage|n(fig(delivery)?|nect(edsheets|ors)|ta(ctcenterinsights|iners(canning|ec))))|rashlytics|sc-hpsa)|d(ata(connectors|f(orm|usion)|labeling|migration|p(ipelines|lex|rocrmnode)|st(ream|udio(-cmek)?))|e(p|signcenter|vconnect)|i(a(gon|logflow(-cmek)?)|scoveryengine)|ns)|e(dgecontainer(cluster|gcr)?|kms|ndpoints|ventarc)|f(ire(base(app(check|hosting)|data(base|connect)|m(l|ods)|storage|vertexai)?|store|wallinsights)|s-spanner)|g(e(mini(codeassistmp|dataanalytics)|nerativelanguage)|ke(backup|dataplanev2|hub|multicloud(c(ontainer|pmachine)|npmachine)?|node|onprem)|lobal-spanner|suiteaddons)|h(ealthcare|ypercomputecluster)|i(ap|dentitytoolkit|ntegrations|vs)|k(rmapihosting(-dataplane)?|td-(control|hpsa))|l(ivestream|o(gging|oker)|ustre)|m(anaged(flink|kafka)|c(metering|sd)|e(morystore|sh(con(fig|trolplane)|dataplane)|tastore)|i(gcenter)?|o(delarmor|nitoring(-notification)?)|ulticlusteringress)|n(et(app|work(actions|connectivity|management|security))|otebooks(ecurityscanner)?|s(-authz|s-hpsa))|o(bservability|ci|ndemandscanning|sconfig(-rollout)?)|p(a(m|rallelstore)|m|r(ivateca|o(d-(bigqueryomni|dai-core)|grollout))|ubsub(lite)?)|r(e(commendationengine|tail)|ma|outeoptim|un(-ai|apps))|s(aasservicemgmt|cc-(notification|vmtd)|e(c(retmanager|ur(ewebproxy|itycenter))|rvice(directory|mesh))|ourcemanager|p(anner|e(ctrumsas|ech))|t(orage(-search|insights)|ream))|t(pu|rans(coder|ferappliance|lation))|v(e(ctorsearch|rtex-(agent|bp|e(s|val)|logging|m(m|oss-ft)|op|rag|s(andbox|htune|kills)|telemetry))|isionai|m(migration|wareengine)|pcaccess|s-cmek)|w(ebsecurityscanner|ork(flows|loadmanager|stations(vm)?)))))|s-project-accounts)|serv(erless-robot-prod|ice-(consumer-management|networking)))|service-(f[0-9]+|o[0-9]+|p[0-9]+)@gcp-sa-accessapproval|service-folder-[0-9]+@gcp-sa-(a(ssuredworkloads|udit-manager)|cloudcontrolspartner|logging|o(bservability|sconfig(-rollout)?)|p(am|rogrollout))|service-org-[0-9]+@(gcp-sa-(a(s(m-hpsa|suredoss)|udit-manager)|c(hronicle-(org|soar)|loud(kms|resourcemanager)|sc-hpsa)|dataplex(-cmek)?|effectivepolicy|ktd-hpsa|logging|nss-hpsa|o(bservability|sconfig(-rollout)?|thercloudcfg)|p(am|rogrollout)|scc(-(bulk-export|notification)|spanner)|v1-remediator)|security-center-api)|vault-[0-9]+-[a-z0-9-]+@gcp-sa-backupdr-pr)[.]iam[.]gserviceaccount[.]com|[0-9]+@cloudservices[.]gserviceaccount[.]com|service-agent-manager@system[.]gserviceaccount[.]com|system@google[.]com)$'))
  ) AS logged
  WHERE (regexp_like(name, '(^|[.])(([Aa]ggregatedList|[Aa]nalyzeIam|[Aa]nalyzeOrg|[Bb]atchGet|[Dd]escribe|[Gg]et|[Hh]ead|[Ll]ist|[Ll]ookup|[Ss]earch|[Ss]imulate|[Vv]iew)([^a-z.][A-Za-z0-9_]*)?|[Aa]nalyzeMove|[Ee]xportAssets|[Qq]uery(ArtifactLineageSubgraph|Assets|ContextLineageSubgraph|DeployedModels|ExecutionInputsAndOutputs|GrantableRoles|Metadata)|[Tt]est(IAMPermissions|IamPermissions))$')
    AND NOT (regexp_like(name, '(^|[.])(([Gg]etOrCreate)([^a-z.][A-Za-z0-9_]*)?|[Bb]atchGetDocuments|[Gg]et(Document|NotificationChannelVerificationCode|PublicKey|QueryResults)|[Ll]ist(Documents|LogEntries|TimeSeries)|[Ll]isten|[Ll]ookup)$'))
    AND NOT (service = 'bigquery.googleapis.com' AND name IN ('google.cloud.bigquery.TableDataService.List', 'tabledataservice.list')
      OR service = 'storage.googleapis.com' AND name IN ('google.storage.objects.get', 'storage.objects.get')))
    AND ts IS NOT NULL
),
windows AS (
  SELECT
    from_unixtime(floor(to_unixtime(ts) / 900) * 900) AS window_start, provider, caller, account,
    count(DISTINCT event_id) AS events,
    count(DISTINCT api) AS apis,
    slice(array_sort(array_agg(DISTINCT api)), 1, 50) AS api_list,
    count(DISTINCT CASE WHEN region <> '' THEN region END) AS regions,
    slice(array_sort(array_agg(DISTINCT address) FILTER (WHERE address <> '')), 1, 10) AS addresses,
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
    WHEN apis >= 10 AND events >= 50 THEN 90
    WHEN apis >= 7 AND events >= 20 THEN 70
    WHEN apis >= 5 OR events >= 10 THEN 50
    ELSE 0
  END AS "RiskScore"
FROM windows
WHERE (events >= 10 OR apis >= 5)
ORDER BY "RiskScore" DESC, "DiscoveryCount" DESC, "CloudProvider", "Identity", "AccountId", "TimeGenerated"
