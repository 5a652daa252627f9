CREATE TABLE azure_graph (
  record STRING,
  event_time AS coalesce(TO_TIMESTAMP(REPLACE(REPLACE(coalesce(JSON_VALUE(record, '$.time'), ''), 'T', ' '), 'Z', '')), TIMESTAMP '1970-01-01 00:00:00'),
  WATERMARK FOR event_time AS event_time - INTERVAL '15' MINUTE
) WITH ('connector' = 'kafka', 'topic' = 'azure_graph', 'properties.bootstrap.servers' = 'HOST:9092', 'format' = 'raw');
