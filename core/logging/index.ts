export { describeError, errorCode } from "./describe-error.ts";
export type { LogFormat } from "./format.ts";
export { createLogger, type Fields, type Level, type Logger, type LoggerOptions } from "./logger.ts";
