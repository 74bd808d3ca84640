/** What Tyk Pump calls its pumps in the names of its statistics, by type. */
const DISPLAY_NAMES: { readonly [type: string]: string } = {
  csv: "CSV Pump",
  dogstatsd: "DogStatsd Pump",
  dummy: "Dummy Pump",
  elasticsearch: "Elasticsearch Pump",
  graylog: "Graylog Pump",
  hybrid: "Hybrid pump",
  influx: "InfluxDB Pump",
  influx2: "InfluxDB2 Pump",
  kafka: "Kafka Pump",
  kinesis: "Kinesis Pump",
  logzio: "Logzio Pump",
  moesif: "Moesif Pump",
  mongo: "MongoDB Pump",
  "mongo-graph": "MongoDB Graph Pump",
  "mongo-mcp": "MongoDB MCP Pump",
  "mongo-mcp-aggregate": "MongoDB MCP Aggregate Pump",
  "mongo-pump-aggregate": "MongoDB Aggregate Pump",
  "mongo-pump-selective": "MongoDB Selective Pump",
  prometheus: "Prometheus Pump",
  resurfaceio: "Resurface Pump",
  segment: "Segment Pump",
  splunk: "Splunk Pump",
  sql: "SQL Pump",
  "sql-graph": "Graph SQL Pump",
  "sql-graph-aggregate": "Sql Graph Aggregate Pump",
  "sql-mcp": "MCP SQL Pump",
  "sql-mcp-aggregate": "SQL MCP Aggregate Pump",
  sql_aggregate: "SQL Aggregate Pump",
  sqs: "SQS Pump",
  statsd: "Statsd Pump",
  stdout: "Stdout Pump",
  syslog: "Syslog Pump",
  timestream: "Timestream Pump",
};

/** A type that Tyk Pump does not have keeps its own name. */
export function displayName(type: string): string {
  return Object.hasOwn(DISPLAY_NAMES, type) ? DISPLAY_NAMES[type]! : type;
}
