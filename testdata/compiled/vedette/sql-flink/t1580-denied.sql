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
-- lists: approximated: lists are neither capped nor in order.
-- order: approximated: rows come as windows close, in no order.
-- duplicates of azure.activity, azure.key_vault: approximated: operations that share a correlation id count
--   once.
-- slices: impossible: a principal is judged as a whole; nothing is shipped instead.
-- lineage: impossible: who stands behind a session is not followed; nothing is shipped instead.
-- Reads cloudtrail: a table cloudtrail with a JSON column record, one CloudTrail record a row.
-- Reads azure_activity: a table azure_activity with a JSON column record, one row of the activity log as a diagnostic setting writes it.
-- Reads azure_key_vault: a table azure_key_vault with a JSON column record, one AuditEvent a row as a diagnostic setting writes it.
-- Reads azure_storage: a table azure_storage with a JSON column record, one resource log of StorageRead a row as a diagnostic setting writes it.
-- Reads gcp_audit: a table gcp_audit with a JSON column record, one LogEntry with an AuditLog a row.
-- Each table has a time attribute event_time with a watermark: the statements that make them stand beside this one.
WITH calls AS (
  SELECT ts, 'AWS' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id, concat(concat(service, '/', name), ' ', target) AS target
  FROM (
    SELECT
      event_time AS ts,
      lower(coalesce(JSON_VALUE(record, '$.eventSource'), '')) AS service,
      REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.eventName'), ''), '(20[0-9]{6}|20[0-9]{2}_[0-9]{2}_[0-9]{2})(v[0-9]+)?$', '') AS name,
      CASE
        WHEN coalesce(JSON_VALUE(record, '$.userIdentity.type'), '') IN ('AssumedRole', 'Role')
          AND REGEXP_EXTRACT(coalesce(JSON_VALUE(record, '$.userIdentity.sessionContext.sessionIssuer.arn'), ''), '(/AWSReservedSSO_)', 1) IS NOT NULL
          THEN concat(coalesce(JSON_VALUE(record, '$.userIdentity.sessionContext.sessionIssuer.arn'), ''), '/', REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.userIdentity.arn'), ''), '^[^/]*/[^/]*/', ''))
        WHEN coalesce(JSON_VALUE(record, '$.userIdentity.type'), '') IN ('AssumedRole', 'Role', 'FederatedUser')
          AND coalesce(JSON_VALUE(record, '$.userIdentity.sessionContext.sessionIssuer.arn'), '') <> ''
          THEN coalesce(JSON_VALUE(record, '$.userIdentity.sessionContext.sessionIssuer.arn'), '')
        WHEN coalesce(JSON_VALUE(record, '$.userIdentity.type'), '') = 'AWSAccount' THEN concat('account:', coalesce(JSON_VALUE(record, '$.userIdentity.accountId'), ''))
        WHEN coalesce(JSON_VALUE(record, '$.userIdentity.type'), '') = 'AWSService' THEN concat('service:', coalesce(JSON_VALUE(record, '$.userIdentity.invokedBy'), ''))
        WHEN coalesce(JSON_VALUE(record, '$.userIdentity.type'), '') = 'IdentityCenterUser'
          THEN concat('identitycenter:', coalesce(JSON_VALUE(record, '$.userIdentity.onBehalfOf.identityStoreArn'), ''), '/', coalesce(JSON_VALUE(record, '$.userIdentity.onBehalfOf.userId'), ''))
        WHEN coalesce(JSON_VALUE(record, '$.userIdentity.type'), '') IN ('SAMLUser', 'WebIdentityUser')
          THEN concat(CASE coalesce(JSON_VALUE(record, '$.userIdentity.type'), '') WHEN 'SAMLUser' THEN 'saml:' ELSE 'oidc:' END, coalesce(JSON_VALUE(record, '$.userIdentity.identityProvider'), ''), '/',
            CASE WHEN coalesce(JSON_VALUE(record, '$.userIdentity.userName'), '') <> '' THEN coalesce(JSON_VALUE(record, '$.userIdentity.userName'), '') ELSE coalesce(JSON_VALUE(record, '$.userIdentity.principalId'), '') END)
        WHEN coalesce(JSON_VALUE(record, '$.userIdentity.arn'), '') <> '' THEN coalesce(JSON_VALUE(record, '$.userIdentity.arn'), '')
        ELSE concat('principal:', coalesce(JSON_VALUE(record, '$.userIdentity.accountId'), ''), '/', coalesce(JSON_VALUE(record, '$.userIdentity.principalId'), ''))
      END AS caller,
      CASE WHEN coalesce(JSON_VALUE(record, '$.userIdentity.accountId'), '') <> '' THEN coalesce(JSON_VALUE(record, '$.userIdentity.accountId'), '') ELSE coalesce(JSON_VALUE(record, '$.recipientAccountId'), '') END AS account,
      coalesce(JSON_VALUE(record, '$.awsRegion'), '') AS region,
      coalesce(JSON_VALUE(record, '$.sourceIPAddress'), '') AS address,
      coalesce(JSON_VALUE(record, '$.eventID'), '') AS event_id,
      coalesce(JSON_QUERY(record, '$.requestParameters'), '') AS target
    FROM cloudtrail
    WHERE coalesce(JSON_VALUE(record, '$.eventName'), '') <> '' AND coalesce(JSON_VALUE(record, '$.eventCategory'), '') <> 'Insight'
      AND (REGEXP_EXTRACT(coalesce(JSON_VALUE(record, '$.errorCode'), ''), '((^|[.])(AccessDenied.*|.*AccessDenied(Fault)?|Unauthorized(Operation|Exception)?|.*NotAuthorized.*|AuthorizationError(Exception)?|AuthFailure|Forbidden(Exception)?|AllAccessDisabled|AccountProblem|40[13])$)', 1) IS NOT NULL)
      AND NOT (coalesce(JSON_VALUE(record, '$.userIdentity.type'), '') = 'AWSService' OR coalesce(JSON_VALUE(record, '$.userIdentity.invokedBy'), '') <> '' OR coalesce(JSON_VALUE(record, '$.eventType'), '') = 'AwsServiceEvent'
          OR REGEXP_EXTRACT(coalesce(JSON_VALUE(record, '$.sourceIPAddress'), ''), '(^AWS Internal$|[.]amazonaws[.]com([.]cn)?$)', 1) IS NOT NULL)
  ) AS logged
  WHERE (REGEXP_EXTRACT(name, '(^(([Bb]atchGet|[Dd]escribe|[Gg]et|[Hh]ead|[Ll]ist|[Ll]ookup|[Ss]earch|[Ss]imulate|[Vv]iew)([^a-z.][A-Za-z0-9_]*)?|[Gg]enerate(CredentialReport|ServiceLastAccessedDetails)|[Ss]elect[A-Za-z0-9_]*[Cc]onfig)$)', 1) IS NOT NULL
    AND NOT (REGEXP_EXTRACT(name, '(^(([Gg]etCredentials|[Gg]etDownload|[Gg]etInstanceAccess)([^a-z.][A-Za-z0-9_]*)?|[Bb]atch(GetImage|GetItem|GetRecord|GetSecretValue)|[Gg]et(AuthorizationToken|Blob|ClusterCredentialsWithIAM|Configuration|DataAccess|File|Folder|Id|Item|JobOutput|LatestConfiguration|LogEvents|LogObject|LogRecord|MetricData|MetricStatistics|Object|ObjectAttributes|ObjectTagging|ObjectTorrent|OpenIdTokenForDeveloperIdentity|PackageVersionAsset|PackageVersionReadme|Parameter|ParameterHistory|Parameters|ParametersByPath|PublicKey|QueryResults|Record|Records|SecretValue|ShardIterator|SnapshotBlock|StatementResult)|[Ss]electObjectContent|[Gg]et[A-Za-z0-9_]*([Cc]redentials|[Pp]assword|[Ss]ecretValue|[Tt]oken))$)', 1) IS NOT NULL))
  UNION ALL
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id, concat(concat(service, '/', name), ' ', target) AS target
  FROM (
    SELECT
      event_time AS ts,
      lower(REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.operationName'), ''), '/.*$', '')) AS service,
      lower(REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.operationName'), ''), '^[^/]*/', '')) AS name,
      CASE
        WHEN coalesce(JSON_VALUE(record, '$.identity.claims."http://schemas.microsoft.com/identity/claims/objectidentifier"'), '') <> ''
          THEN concat('entra:', coalesce(JSON_VALUE(record, '$.identity.claims."http://schemas.microsoft.com/identity/claims/tenantid"'), ''), '/',
            coalesce(JSON_VALUE(record, '$.identity.claims."http://schemas.microsoft.com/identity/claims/objectidentifier"'), ''))
        ELSE lower(coalesce(JSON_VALUE(record, '$.identity.claims."http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"'), ''))
      END AS caller,
      lower(REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.resourceId'), ''), '^/[^/]*/([^/]*).*$', '$1')) AS account,
      '' AS region,
      coalesce(JSON_VALUE(record, '$.callerIpAddress'), '') AS address,
      coalesce(JSON_VALUE(record, '$.correlationId'), '') AS event_id,
      lower(coalesce(JSON_VALUE(record, '$.resourceId'), '')) AS target
    FROM azure_activity
    WHERE coalesce(JSON_VALUE(record, '$.resultType'), '') NOT IN ('Start', 'Started', 'Accept', 'Accepted')
      AND (coalesce(JSON_VALUE(record, '$.properties.statusCode'), '') IN ('Forbidden', 'Unauthorized') OR coalesce(JSON_VALUE(record, '$.resultSignature'), '') LIKE '%AuthorizationFailed%')
  ) AS logged
  WHERE (REGEXP_EXTRACT(name, '(/((describe|get|head|list|lookup|search|simulate|view)[a-z0-9_]*|effectivenetworksecuritygroups|effectiveroutetable|readonlykeys|sharedkeys|checkaccess|connectivitycheck|generatecostdetailsreport|ipflowverify|nexthop|publishxml|query|queryflowlogstatus|retrievebootdiagnosticsdata|securitygroupview|topology)/action$)', 1) IS NOT NULL
    OR service = 'microsoft.authorization' AND name = 'checkaccess/action'
      OR service = 'microsoft.costmanagement' AND name IN ('generatecostdetailsreport/action', 'query/action'))
  UNION ALL
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id, concat(concat(service, '/', name), ' ', target) AS target
  FROM (
    SELECT
      event_time AS ts,
      'microsoft.keyvault' AS service,
      lower(coalesce(JSON_VALUE(record, '$.operationName'), '')) AS name,
      concat('entra:',
        CASE
          WHEN coalesce(JSON_VALUE(record, '$.identity.claim."http://schemas.microsoft.com/identity/claims/tenantid"'), '') <> ''
            THEN coalesce(JSON_VALUE(record, '$.identity.claim."http://schemas.microsoft.com/identity/claims/tenantid"'), '')
          WHEN coalesce(JSON_VALUE(record, '$.tenantId'), '') <> '' THEN coalesce(JSON_VALUE(record, '$.tenantId'), '')
          ELSE 'tenant-not-logged'
        END, '/', coalesce(JSON_VALUE(record, '$.identity.claim."http://schemas.microsoft.com/identity/claims/objectidentifier"'), '')) AS caller,
      lower(REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.resourceId'), ''), '^/[^/]*/([^/]*).*$', '$1')) AS account,
      '' AS region,
      coalesce(JSON_VALUE(record, '$.callerIpAddress'), '') AS address,
      coalesce(JSON_VALUE(record, '$.correlationId'), '') AS event_id,
      coalesce(JSON_VALUE(record, '$.properties.requestUri'), '') AS target
    FROM azure_key_vault
    WHERE (coalesce(JSON_VALUE(record, '$.properties.httpStatusCode'), '') IN ('401', '403'))
  ) AS logged
  WHERE (service = 'microsoft.keyvault' AND name IN ('certificatecontactsget', 'certificateget', 'certificategetdeleted', 'certificateissuerget', 'certificateissuerslist', 'certificatelist', 'certificatelistdeleted', 'certificatelistversions', 'certificatependingget', 'certificatepolicyget', 'keyget', 'keygetdeleted', 'keylist', 'keylistdeleted', 'keylistversions', 'secretgetdeleted', 'secretlist', 'secretlistdeleted', 'secretlistversions', 'vaultget', 'vaultgetdeleted', 'vaultlist', 'vaultlistdeleted'))
  UNION ALL
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id, concat(concat(service, '/', name), ' ', target) AS target
  FROM (
    SELECT
      event_time AS ts,
      'microsoft.storage' AS service,
      lower(coalesce(JSON_VALUE(record, '$.operationName'), '')) AS name,
      CASE
        WHEN coalesce(JSON_VALUE(record, '$.identity.requester.objectId'), '') <> ''
          THEN concat('entra:', coalesce(JSON_VALUE(record, '$.identity.requester.tenantId'), ''), '/', coalesce(JSON_VALUE(record, '$.identity.requester.objectId'), ''))
        WHEN coalesce(JSON_VALUE(record, '$.identity.type'), '') = 'AccountKey' THEN concat('accountkey:', coalesce(JSON_VALUE(record, '$.properties.accountName'), ''))
        WHEN coalesce(JSON_VALUE(record, '$.identity.type'), '') = 'SAS' THEN concat('sas:', coalesce(JSON_VALUE(record, '$.properties.accountName'), ''))
        ELSE concat('anonymous:', coalesce(JSON_VALUE(record, '$.properties.accountName'), ''))
      END AS caller,
      lower(REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.resourceId'), ''), '^/[^/]*/([^/]*).*$', '$1')) AS account,
      coalesce(JSON_VALUE(record, '$.location'), '') AS region,
      REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.callerIpAddress'), ''), ':[0-9]+$', '') AS address,
      coalesce(JSON_VALUE(record, '$.correlationId'), '') AS event_id,
      coalesce(JSON_VALUE(record, '$.uri'), '') AS target
    FROM azure_storage
    WHERE (coalesce(JSON_VALUE(record, '$.statusCode'), '') IN ('401', '403'))
  ) AS logged
  WHERE (REGEXP_EXTRACT(name, '(^((describe|get|head|list|lookup|search|simulate|view)[a-z0-9_]*|findblobsbytags|querytables)$)', 1) IS NOT NULL
    AND NOT (REGEXP_EXTRACT(name, '(^(getblob|getuserdelegationkey|getblobpreview|getfile|getmessage|getmessages)$)', 1) IS NOT NULL))
  UNION ALL
  SELECT ts, 'GCP' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id, concat(concat(service, '/', name), ' ', target) AS target
  FROM (
    SELECT
      event_time AS ts,
      lower(coalesce(JSON_VALUE(record, '$.protoPayload.serviceName'), '')) AS service,
      REGEXP_REPLACE(REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.protoPayload.methodName'), ''), '^(alpha|beta|v[0-9]+[a-z0-9]*)[.]', ''), '[.]v[0-9]+[a-z0-9]*[.]', '.') AS name,
      CASE
        WHEN coalesce(JSON_VALUE(record, '$.protoPayload.authenticationInfo.principalEmail'), '') <> '' THEN lower(coalesce(JSON_VALUE(record, '$.protoPayload.authenticationInfo.principalEmail'), ''))
        WHEN coalesce(JSON_VALUE(record, '$.protoPayload.authenticationInfo.principalSubject'), '') <> '' THEN coalesce(JSON_VALUE(record, '$.protoPayload.authenticationInfo.principalSubject'), '')
        ELSE concat('redacted:', coalesce(JSON_VALUE(record, '$.resource.labels.project_id'), ''), '/', coalesce(JSON_VALUE(record, '$.protoPayload.requestMetadata.callerIp'), ''))
      END AS caller,
      CASE
        WHEN REGEXP_EXTRACT(coalesce(JSON_VALUE(record, '$.logName'), ''), '(^(organizations|folders|billingAccounts|projects)/([^/_]|_[^/]))', 1) IS NOT NULL
          THEN REGEXP_REPLACE(REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.logName'), ''), '^([^/]+/[^/]+).*$', '$1'), '^projects/', '')
        WHEN coalesce(JSON_VALUE(record, '$.resource.labels.project_id'), '') <> '' THEN coalesce(JSON_VALUE(record, '$.resource.labels.project_id'), '')
        WHEN REGEXP_EXTRACT(coalesce(JSON_VALUE(record, '$.protoPayload.resourceName'), ''), '(^(organizations|folders|billingAccounts|projects)/([^/_]|_[^/]))', 1) IS NOT NULL
          THEN REGEXP_REPLACE(REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.protoPayload.resourceName'), ''), '^([^/]+/[^/]+).*$', '$1'), '^projects/', '')
        ELSE ''
      END AS account,
      REGEXP_REPLACE(coalesce(nullif(coalesce(JSON_VALUE(record, '$.resource.labels.region'), ''), ''), nullif(coalesce(JSON_VALUE(record, '$.resource.labels.location'), ''), ''), coalesce(JSON_VALUE(record, '$.resource.labels.zone'), '')), '^(-|global)$|-[a-z]$', '') AS region,
      coalesce(JSON_VALUE(record, '$.protoPayload.requestMetadata.callerIp'), '') AS address,
      coalesce(JSON_VALUE(record, '$.insertId'), '') AS event_id,
      coalesce(JSON_VALUE(record, '$.protoPayload.resourceName'), '') AS target
    FROM gcp_audit
    WHERE coalesce(JSON_VALUE(record, '$.protoPayload.methodName'), '') <> ''
      AND (coalesce(JSON_VALUE(record, '$.protoPayload.status.code'), '') IN ('7', '16'))
      AND NOT (REGEXP_EXTRACT(coalesce(JSON_VALUE(record, '$.logName'), ''), '(cloudaudit[.]googleapis[.]com(%2F|/)?system_event$)', 1) IS NOT NULL
          OR REGEXP_EXTRACT(REGEXP_REPLACE(lower(coalesce(nullif(coalesce(JSON_VALUE(record, '$.protoPayload.authenticationInfo.principalEmail'), ''), ''), coalesce(JSON_VALUE(record, '$.protoPayload.authenticationInfo.principalSubject'), ''))), '^serviceaccount:', ''), '(^((b[0-9]+-[a-z0-9-]+@gcp-sa-bundles|blirc-[0-9]+-[a-z0-9-]+@gcp-sa-biglakerestcatalog|bq-[0-9]+@bigquery-encryption|bqcx-[0-9]+-[a-z0-9-]+@gcp-sa-bigquery-con(del|sp)|c-[0-9]+-[a-z0-9-]+@gcp-sa-alloydb|connection-[0-9]+-[a-z0-9-]+@gcp-sa-bigquery-condel|(f[0-9]+-[a-z0-9-]+|o[0-9]+-[a-z0-9-]+|p[0-9]+-[a-z0-9-]+)@gcp-sa-(cloud-sql|logging|playbooks)|organizations-[0-9]+@gcp-sa-riskmanager|p-[0-9]+-[a-z0-9-]+@gcp-sa-generativelanguage|project-[0-9]+@storage-transfer-service|service-[0-9]+@(c(loud(-(filer|memcache-sa|redis)|composer-accounts)|o(mpute-system|ntainer(-(analysis|engine-robot)|registry)))|d(ata(flow-service-producer-prod|proc-accounts)|lp-api)|firebase-rules|g(ae-api-prod|c(f-admin-robot|p-(gae-service|sa-(a(dsdatahub|gent(gateway|registry)|iplatform(-(is|pie))?|lloydb|n(alyticshub|thos(audit|configmanagement|identityservice|policycontroller|support)?)|p(i(g(ateway(-mgmt)?|ee(registry)?)|hub|keys|m)|p(devexperience|hub|optimize))|rtifactregistry|ssuredworkloads|u(dit-manager|to(annotate|ml)))|b(ackupdr(-run)?|i(g(query(connection|datatransfer|ri|spark|tardis)|table)|naryauthorization)|ms|ne|qms|usinessaicode)|c(c(ai(-cmek|p)|insights-cmek)|e(rtificatemanager|s)|hronicle|loud(-(cw(-cmek)?|ekg|sql|trace)|a(icompanion|sset)|b(atch|uild)|deploy|kms|optim|scheduler|tasks)|o(mpute-usage|n(fig(delivery)?|nect(edsheets|ors)|ta(ctcenterinsights|iners(canning|ec))))|rashlytics|sc-hpsa)|d(ata(connectors|f(orm|usion)|labeling|migration|p(ipelines|lex|rocrmnode)|st(ream|udio(-cmek)?))|e(p|signcenter|vconnect)|i(a(gon|logflow(-cmek)?)|scoveryengine)|ns)|e(dgecontainer(cluster|gcr)?|kms|ndpoints|ventarc)|f(ire(base(app(check|hosting)|data(base|connect)|m(l|ods)|storage|vertexai)?|store|wallinsights)|s-spanner)|g(e(mini(codeassistmp|dataanalytics)|nerativelanguage)|ke(backup|dataplanev2|hub|multicloud(c(ontainer|pmachine)|npmachine)?|node|onprem)|lobal-spanner|suiteaddons)|h(ealthcare|ypercomputecluster)|i(ap|dentitytoolkit|ntegrations|vs)|k(rmapihosting(-dataplane)?|td-(control|hpsa))|l(ivestream|o(gging|oker)|ustre)|m(anaged(flink|kafka)|c(metering|sd)|e(morystore|sh(con(fig|trolplane)|dataplane)|tastore)|i(gcenter)?|o(delarmor|nitoring(-notification)?)|ulticlusteringress)|n(et(app|work(actions|connectivity|management|security))|otebooks(ecurityscanner)?|s(-authz|s-hpsa))|o(bservability|ci|ndemandscanning|sconfig(-rollout)?)|p(a(m|rallelstore)|m|r(ivateca|o(d-(bigqueryomni|dai-core)|grollout))|ubsub(lite)?)|r(e(commendationengine|tail)|ma|outeoptim|un(-ai|apps))|s(aasservicemgmt|cc-(notification|vmtd)|e(c(retmanager|ur(ewebproxy|itycenter))|rvice(directory|mesh))|ourcemanager|p(anner|e(ctrumsas|ech))|t(orage(-search|insights)|ream))|t(pu|rans(coder|ferappliance|lation))|v(e(ctorsearch|rtex-(agent|bp|e(s|val)|logging|m(m|oss-ft)|op|rag|s(andbox|htune|kills)|telemetry))|isionai|m(migration|wareengine)|pcaccess|s-cmek)|w(ebsecurityscanner|ork(flows|loadmanager|stations(vm)?)))))|s-project-accounts)|serv(erless-robot-prod|ice-(consumer-management|networking)))|service-(f[0-9]+|o[0-9]+|p[0-9]+)@gcp-sa-accessapproval|service-folder-[0-9]+@gcp-sa-(a(ssuredworkloads|udit-manager)|cloudcontrolspartner|logging|o(bservability|sconfig(-rollout)?)|p(am|rogrollout))|service-org-[0-9]+@(gcp-sa-(a(s(m-hpsa|suredoss)|udit-manager)|c(hronicle-(org|soar)|loud(kms|resourcemanager)|sc-hpsa)|dataplex(-cmek)?|effectivepolicy|ktd-hpsa|logging|nss-hpsa|o(bservability|sconfig(-rollout)?|thercloudcfg)|p(am|rogrollout)|scc(-(bulk-export|notification)|spanner)|v1-remediator)|security-center-api)|vault-[0-9]+-[a-z0-9-]+@gcp-sa-backupdr-pr)[.]iam[.]gserviceaccount[.]com|[0-9]+@cloudservices[.]gserviceaccount[.]com|service-agent-manager@system[.]gserviceaccount[.]com|system@google[.]com)$)', 1) IS NOT NULL)
  ) AS logged
  WHERE (REGEXP_EXTRACT(name, '((^|[.])(([Aa]ggregatedList|[Aa]nalyzeIam|[Aa]nalyzeOrg|[Bb]atchGet|[Dd]escribe|[Gg]et|[Hh]ead|[Ll]ist|[Ll]ookup|[Ss]earch|[Ss]imulate|[Vv]iew)([^a-z.][A-Za-z0-9_]*)?|[Aa]nalyzeMove|[Ee]xportAssets|[Qq]uery(ArtifactLineageSubgraph|Assets|ContextLineageSubgraph|DeployedModels|ExecutionInputsAndOutputs|GrantableRoles|Metadata)|[Tt]est(IAMPermissions|IamPermissions))$)', 1) IS NOT NULL
    AND NOT (REGEXP_EXTRACT(name, '((^|[.])(([Gg]etOrCreate)([^a-z.][A-Za-z0-9_]*)?|[Bb]atchGetDocuments|[Gg]et(Document|NotificationChannelVerificationCode|PublicKey|QueryResults)|[Ll]ist(Documents|LogEntries|TimeSeries)|[Ll]isten|[Ll]ookup)$)', 1) IS NOT NULL)
    AND NOT (service = 'bigquery.googleapis.com' AND name IN ('google.cloud.bigquery.TableDataService.List', 'tabledataservice.list')
      OR service = 'storage.googleapis.com' AND name IN ('google.storage.objects.get', 'storage.objects.get')))
),
windows AS (
  SELECT window_start, provider, caller, account,
    count(DISTINCT event_id) AS events,
    count(DISTINCT api) AS apis,
    count(DISTINCT target) AS targets,
    ARRAY_AGG(DISTINCT api) AS api_list,
    count(DISTINCT CASE WHEN region <> '' THEN region END) AS regions,
    ARRAY_AGG(DISTINCT address) FILTER (WHERE address <> '') AS addresses,
    min(ts) AS first_seen,
    max(ts) AS last_seen
  FROM TABLE(TUMBLE(TABLE calls, DESCRIPTOR(ts), INTERVAL '15' MINUTE))
  GROUP BY window_start, window_end, provider, caller, account
)
SELECT
  window_start AS `TimeGenerated`,
  provider AS `CloudProvider`,
  caller AS `Identity`,
  account AS `AccountId`,
  events AS `DiscoveryCount`,
  apis AS `DistinctAPIs`,
  targets AS `DistinctTargets`,
  api_list AS `APIList`,
  regions AS `DistinctRegions`,
  addresses AS `SourceIPs`,
  first_seen AS `FirstSeen`,
  last_seen AS `LastSeen`,
  CASE
    WHEN apis >= 15 THEN 90
    WHEN apis >= 5 OR targets >= 15 THEN 70
    ELSE 0
  END AS `RiskScore`
FROM windows
WHERE (apis >= 5 OR targets >= 15)
