import { aggregateSinks } from "./aggregate/sinks.ts";
import { rawSinks } from "./records/sinks.ts";
import { uptimeSink } from "./uptime/sink.ts";

export default [...rawSinks, ...aggregateSinks, uptimeSink];
