-- Cloud Service Discovery (keys)
-- T1526 1.0.0 (t1526-keys), profile vedette. ATT&CK T1526. Severity low, confidence medium.
-- One principal asks within a quarter of an hour which services an account, subscription or project uses:
--   functions, queues, mail, models, data pipelines, builds, one after the other. Machines, networks and disks
--   are infrastructure and do not count here.
-- Window: tumbling of 15m. Fires at 4 distinct APIs.
-- Known false positives: Posture management and inventory; The landing page of a console that shows what is
--   used; Infrastructure as code over many serverless services.
-- WARNING: the Azure activity log has no reads (GET): of it only list-like actions (POST), such as listKeys, are
--   selected
-- selection: approximated: an operation that no catalogue lists counts if it has one of these names, whatever
--   its service.
-- identity: approximated: without an object id in the claims the caller's name stands for it.
-- event count: approximated: each retry of a throttled call counts.
-- duplicates: approximated: operations that share a correlation id count once.
-- slices: impossible: a principal is judged as a whole; nothing is shipped instead.
-- lineage: impossible: who stands behind a session is not followed; nothing is shipped instead.
-- Reads azure_activity: a table azure_activity with a JSON column record, one row of the activity log as a diagnostic setting writes it.
WITH calls AS (
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id
  FROM (
    SELECT
      TRY_CAST(regexp_replace(coalesce(record->>'$.time', ''), '^([^T ]+[T ][0-9:.]+)$', '\1Z') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ts,
      lower(regexp_replace(coalesce(record->>'$.operationName', ''), '/.*$', '', 'g')) AS service,
      lower(regexp_replace(coalesce(record->>'$.operationName', ''), '^[^/]*/', '', 'g')) AS name,
      CASE
        WHEN coalesce(record->>'$.identity.claims."http://schemas.microsoft.com/identity/claims/objectidentifier"', '') <> ''
          THEN concat('entra:', coalesce(record->>'$.identity.claims."http://schemas.microsoft.com/identity/claims/tenantid"', ''), '/',
            coalesce(record->>'$.identity.claims."http://schemas.microsoft.com/identity/claims/objectidentifier"', ''))
        ELSE lower(coalesce(record->>'$.identity.claims."http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"', ''))
      END AS caller,
      lower(regexp_replace(coalesce(record->>'$.resourceId', ''), '^/[^/]*/([^/]*).*$', '\1', 'g')) AS account,
      '' AS region,
      coalesce(record->>'$.callerIpAddress', '') AS address,
      coalesce(record->>'$.correlationId', '') AS event_id
    FROM azure_activity
    WHERE coalesce(record->>'$.resultType', '') NOT IN ('Start', 'Started', 'Accept', 'Accepted')
  ) AS logged
  WHERE (regexp_matches(name, '/(list|listadminkeys|listsecrets|publishxml|sharedkeys)/action$')
    OR service = 'microsoft.appconfiguration' AND name = 'configurationstores/listkeys/action'
      OR service = 'microsoft.automation' AND name = 'automationaccounts/listkeys/action'
      OR service = 'microsoft.batch' AND name = 'batchaccounts/listkeys/action'
      OR service = 'microsoft.cognitiveservices' AND name = 'accounts/listkeys/action'
      OR service = 'microsoft.eventhub' AND name = 'namespaces/authorizationrules/listkeys/action'
      OR service = 'microsoft.machinelearningservices' AND name = 'workspaces/listkeys/action'
      OR service = 'microsoft.servicebus' AND name = 'namespaces/authorizationrules/listkeys/action'
      OR service = 'microsoft.web' AND name IN ('sites/functions/listkeys/action', 'sites/host/listkeys/action'))
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
  50 AS "RiskScore"
FROM windows
WHERE (apis >= 4)
ORDER BY "RiskScore" DESC, "DiscoveryCount" DESC, "CloudProvider", "Identity", "AccountId", "TimeGenerated"
