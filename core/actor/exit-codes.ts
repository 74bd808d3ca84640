/** The runtime ended its own thread: a call ignored its deadline. */
export const ENDED_BY_RUNTIME = 86;
