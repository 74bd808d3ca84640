/** Something is missing on this machine: `npm test` then names the test among those that could not run, not as failed. */
export class CouldNotRun extends Error {
  override readonly name = "CouldNotRun";
}
