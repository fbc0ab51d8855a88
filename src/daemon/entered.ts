/** In the environment of a daemon that was executed in its own mount namespace: the number of a descriptor of the one before. */
export const ENTERED = 'CAUSEWAY_MOUNTS';
