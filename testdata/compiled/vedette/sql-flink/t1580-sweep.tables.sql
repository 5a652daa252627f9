CREATE TABLE cloudtrail (
  record STRING,
  event_time AS coalesce(TO_TIMESTAMP(REPLACE(REPLACE(coalesce(JSON_VALUE(record, '$.eventTime'), ''), 'T', ' '), 'Z', '')), TIMESTAMP '1970-01-01 00:00:00'),
  WATERMARK FOR event_time AS event_time - INTERVAL '15' MINUTE
) WITH ('connector' = 'kafka', 'topic' = 'cloudtrail', 'properties.bootstrap.servers' = 'HOST:9092', 'format' = 'raw');

CREATE TABLE azure_activity (
  record STRING,
  event_time AS coalesce(TO_TIMESTAMP(REPLACE(REPLACE(coalesce(JSON_VALUE(record, '$.time'), ''), 'T', ' '), 'Z', '')), TIMESTAMP '1970-01-01 00:00:00'),
  WATERMARK FOR event_time AS event_time - INTERVAL '15' MINUTE
) WITH ('connector' = 'kafka', 'topic' = 'azure_activity', 'properties.bootstrap.servers' = 'HOST:9092', 'format' = 'raw');

CREATE TABLE azure_key_vault (
  record STRING,
  event_time AS coalesce(TO_TIMESTAMP(REPLACE(REPLACE(coalesce(JSON_VALUE(record, '$.time'), ''), 'T', ' '), 'Z', '')), TIMESTAMP '1970-01-01 00:00:00'),
  WATERMARK FOR event_time AS event_time - INTERVAL '15' MINUTE
) WITH ('connector' = 'kafka', 'topic' = 'azure_key_vault', 'properties.bootstrap.servers' = 'HOST:9092', 'format' = 'raw');

CREATE TABLE azure_storage (
  record STRING,
  event_time AS coalesce(TO_TIMESTAMP(REPLACE(REPLACE(coalesce(JSON_VALUE(record, '$.time'), ''), 'T', ' '), 'Z', '')), TIMESTAMP '1970-01-01 00:00:00'),
  WATERMARK FOR event_time AS event_time - INTERVAL '15' MINUTE
) WITH ('connector' = 'kafka', 'topic' = 'azure_storage', 'properties.bootstrap.servers' = 'HOST:9092', 'format' = 'raw');

CREATE TABLE gcp_audit (
  record STRING,
  event_time AS coalesce(TO_TIMESTAMP(REPLACE(REPLACE(coalesce(JSON_VALUE(record, '$.timestamp'), ''), 'T', ' '), 'Z', '')), TIMESTAMP '1970-01-01 00:00:00'),
  WATERMARK FOR event_time AS event_time - INTERVAL '15' MINUTE
) WITH ('connector' = 'kafka', 'topic' = 'gcp_audit', 'properties.bootstrap.servers' = 'HOST:9092', 'format' = 'raw');
