import { rawSinks } from "./records/sinks.ts";

export default [...rawSinks];
