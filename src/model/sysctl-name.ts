/**
 * Whether a sysctl is of a network namespace: the network room writes these, before there are interfaces. Written once
 * more by the runtime, after them, `conf.all.*` would turn on or off what the engine has set for each.
 */
export const isNetworkSysctl = (name: string): boolean => /^net[./]/.test(name);
