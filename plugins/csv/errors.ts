import { Fatal, Retryable, SINK_ERROR_CODES, type SinkError } from "@sluice/sdk";

/** What the operator is to do, by the code of the system's error; these heal without a restart once that is done. */
const MENDS: { readonly [code: string]: string } = {
  EACCES: "give the user that Sluice runs as the right to write there, or set csv_dir to another folder",
  EPERM: "give the user that Sluice runs as the right to write there, or set csv_dir to another folder",
  ENOSPC: "the disk is full: free some space",
  EDQUOT: "the quota is used up: raise it or free some space",
  EFBIG: "the file has reached the largest size allowed: raise the limit, or the next hour's file goes on",
  EROFS: "the file system is read-only: mount it for writing, or set csv_dir to another folder",
  EIO: "the disk reports a fault: look at the system's log",
  EMFILE: "too many files are open: raise the limit on open files",
  ENFILE: "too many files are open: raise the limit on open files",
};

/** These say that the path itself is wrong. */
const WRONG_PATHS: { readonly [code: string]: string } = {
  ENOTDIR: "a file stands where a folder should: set csv_dir to a folder",
  EEXIST: "a file stands where a folder should: set csv_dir to a folder",
  EISDIR: "a folder stands where a file should: remove it or set csv_dir to another folder",
  ENAMETOOLONG: "the path is too long: set csv_dir to a shorter one",
  ELOOP: "its links go round in a circle: set csv_dir to another folder",
  ERR_INVALID_ARG_VALUE: "it is no valid path: correct csv_dir",
  ERR_ACCESS_DENIED: "this plugin was not granted the right to write there: correct csv_dir or the grant",
};

/** What an error of the file system means for delivery, in a sentence that names the folder. */
export function sinkError(error: unknown, folder: string): SinkError {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
  if ((Object.values(SINK_ERROR_CODES) as string[]).includes(code)) return error as SinkError;
  const wrong = WRONG_PATHS[code];
  if (wrong) return new Fatal(`CSV files cannot be written to ${folder} (${code}): ${wrong}.`, { cause: error });
  const mend = MENDS[code] ?? "see the cause";
  return new Retryable(`CSV files cannot be written to ${folder} (${code}): ${mend}.`, { cause: error });
}
