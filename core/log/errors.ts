/** What the delivery log throws: the sentence names the key or the file, and what mends it. */
export const LOG_ERROR_CODES = {
  unavailable: "SLUICE_LOG_UNAVAILABLE",
  auth: "SLUICE_LOG_AUTH",
  refused: "SLUICE_LOG_REFUSED",
  tls: "SLUICE_LOG_TLS",
  noGroup: "SLUICE_LOG_NO_GROUP",
  wrongType: "SLUICE_LOG_WRONG_TYPE",
  protocol: "SLUICE_LOG_PROTOCOL",
  locked: "SLUICE_LOG_LOCKED",
  full: "SLUICE_LOG_FULL",
  damaged: "SLUICE_LOG_DAMAGED",
} as const;

export type LogErrorCode = (typeof LOG_ERROR_CODES)[keyof typeof LOG_ERROR_CODES];

export class LogError extends Error {
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "LogError";
    this.code = code;
  }
}

export function isLogError(error: unknown, code: LogErrorCode): error is LogError {
  return error instanceof LogError && error.code === code;
}

/** What a server without a password answers to one. */
export const NEEDS_NO_PASSWORD = /without any password configured|AUTH.*no password is set/;

/** Redis' first word, or the word within a script's error -> what is wrong and what mends it. */
const REPLIES: readonly [word: RegExp, code: LogErrorCode, mend: string][] = [
  [/\bNOSCRIPT\b/, LOG_ERROR_CODES.unavailable, "Redis lost its scripts; they are loaded again with the next try."],
  [/\bNOGROUP\b/, LOG_ERROR_CODES.noGroup, "A consumer group is gone (flushed or evicted); it is created again."],
  [
    /\bWRONGTYPE\b/,
    LOG_ERROR_CODES.wrongType,
    "A key holds something else than Sluice's data; rename or delete it. Other lists go on.",
  ],
  [
    /\b(NOAUTH|WRONGPASS|NOPROTO)\b|invalid password/,
    LOG_ERROR_CODES.auth,
    "Check the username and the password of the Redis connection.",
  ],
  [NEEDS_NO_PASSWORD, LOG_ERROR_CODES.auth, "Remove the password of the Redis connection."],
  [
    /\bNOPERM\b|executing the script can't run/,
    LOG_ERROR_CODES.refused,
    "Grant the command to the user: ~<prefix>* +@all covers all.",
  ],
  [/\bOOM\b/, LOG_ERROR_CODES.refused, "Redis is at its maxmemory; raise it or let the sinks catch up."],
  [/\bREADONLY\b/, LOG_ERROR_CODES.refused, "This Redis is a replica; point the configuration at the master."],
  [
    /\b(MISCONF|NOREPLICAS)\b/,
    LOG_ERROR_CODES.refused,
    "Redis refuses writes until its persistence or its replicas work again.",
  ],
  [/DB index is out of range/, LOG_ERROR_CODES.refused, "Correct the database number, or raise Redis' `databases`."],
  [
    /unknown (sub)?command/i,
    LOG_ERROR_CODES.refused,
    "This server lacks a command that the log needs: Redis 5 or later.",
  ],
  [
    /\b(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK)\b/,
    LOG_ERROR_CODES.unavailable,
    "Redis is not ready; it is tried again.",
  ],
];

/** An error reply of Redis to `command`, about `key`, as a LogError. `text` must not hold arguments of the command. */
export function replyError(text: string, command: string, key: string): LogError {
  const known = REPLIES.find(([word]) => word.test(text));
  const cause = new Error(text);
  if (known === undefined)
    return new LogError(LOG_ERROR_CODES.protocol, `Redis answered ${command} on ${key}: ${text}`, cause);
  return new LogError(known[1], `Redis refused ${command} on ${key}. ${known[2]} It said: ${text}`, cause);
}

export function unavailable(where: string, cause?: unknown): LogError {
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return new LogError(
    LOG_ERROR_CODES.unavailable,
    `Redis at ${where} is out of reach${why}. Check that it runs and that host and port are right; it is tried again.`,
    cause,
  );
}
