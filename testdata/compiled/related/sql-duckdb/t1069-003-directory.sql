-- Cloud Group and Permission Discovery (directory)
-- T1069.003 1.0.0 (t1069-003-directory), profile vedette. ATT&CK T1069.003. Severity low (a building block; the
--   detection says medium), confidence low.
-- One principal asks which groups and policies there are, who is in them and what they allow. What
--   infrastructure as code reads of the very roles and policies that it manages is left out, and so are the
--   rights on single machines and disks, which pages of Compute Engine ask for.
-- Window: tumbling of 5m. Fires at 40 calls and 4 distinct APIs.
-- Copies of one act, known by the log's own id of it, count once.
-- Known false positives: Reviews of access, and identity governance; Posture management; The pages of a console
--   on users, groups and roles.
-- WARNING: Microsoft Graph logs calls only where a diagnostic setting of the tenant sends
--   MicrosoftGraphActivityLogs
-- selection: approximated: ids that are neither GUIDs nor addresses stay in the path, and paths that no
--   catalogue lists do not count.
-- event count: approximated: each retry of a throttled call counts.
-- slices: impossible: a principal is judged as a whole; nothing is shipped instead.
-- lineage: impossible: who stands behind a session is not followed; nothing is shipped instead.
-- Reads azure_graph: a table azure_graph with a JSON column record, one row of MicrosoftGraphActivityLogs as a diagnostic setting writes it.
WITH calls AS (
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id
  FROM (
    SELECT
      TRY_CAST(regexp_replace(coalesce(record->>'$.time', ''), '^([^T ]+[T ][0-9:.]+)$', '\1Z') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ts,
      'graph.microsoft.com' AS service,
      lower(concat(coalesce(record->>'$.properties.requestMethod', ''), ' ',
        regexp_replace(regexp_replace(regexp_replace(coalesce(record->>'$.properties.requestUri', ''), '^https?://[^/]*|[?].*$', '', 'g'), '^/(v1[.]0|beta)', '', 'g'), '/[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|/[^/]+@[^/]+', '/{id}', 'g'))) AS name,
      concat('entra:', coalesce(record->>'$.tenantId', ''), '/',
        CASE WHEN coalesce(record->>'$.properties.userId', '') <> '' THEN coalesce(record->>'$.properties.userId', '') ELSE coalesce(record->>'$.properties.servicePrincipalId', '') END) AS caller,
      coalesce(record->>'$.tenantId', '') AS account,
      coalesce(record->>'$.location', '') AS region,
      coalesce(record->>'$.callerIpAddress', '') AS address,
      coalesce(record->>'$.properties.requestId', '') AS event_id
    FROM azure_graph
  ) AS logged
  WHERE (service = 'graph.microsoft.com' AND name IN ('get /applications/{id}/owners', 'get /devices/{id}/registeredowners', 'get /directoryroles', 'get /directoryroles/{id}', 'get /directoryroles/{id}/members', 'get /directoryroletemplates', 'get /groups', 'get /groups/{id}/approleassignments', 'get /groups/{id}/memberof', 'get /groups/{id}/members', 'get /groups/{id}/owners', 'get /groups/{id}/transitivemembers', 'get /oauth2permissiongrants', 'get /rolemanagement/directory/roleassignments', 'get /rolemanagement/directory/roleassignmentscheduleinstances', 'get /rolemanagement/directory/roleassignmentschedules', 'get /rolemanagement/directory/roledefinitions', 'get /rolemanagement/directory/roleeligibilityscheduleinstances', 'get /rolemanagement/directory/roleeligibilityschedules', 'get /serviceprincipals/{id}/approleassignedto', 'get /serviceprincipals/{id}/approleassignments', 'get /serviceprincipals/{id}/memberof', 'get /serviceprincipals/{id}/oauth2permissiongrants', 'get /serviceprincipals/{id}/ownedobjects', 'get /serviceprincipals/{id}/owners', 'get /users/{id}/approleassignments', 'get /users/{id}/oauth2permissiongrants', 'post /directoryobjects/getbyids', 'post /users/{id}/checkmembergroups', 'post /users/{id}/getmembergroups', 'post /users/{id}/getmemberobjects'))
    AND ts IS NOT NULL
),
windows AS (
  SELECT
    time_bucket(INTERVAL 5 MINUTE, ts, TIMESTAMP '1970-01-01') AS window_start, provider, caller, account,
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
WHERE (apis >= 4 AND events >= 40)
ORDER BY "RiskScore" DESC, "DiscoveryCount" DESC, "CloudProvider", "Identity", "AccountId", "TimeGenerated"
