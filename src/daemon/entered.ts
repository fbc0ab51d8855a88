/** In the environment of a daemon that was executed in its own mount namespace: how that came about. */
export const ENTERED = 'CAUSEWAY_MOUNTS';
