const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The page came from this machine. */
export const isLoopback = (): boolean => LOOPBACK.has(location.hostname);
