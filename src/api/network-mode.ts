/** The meaning of a HostConfig.NetworkMode. */

export const isHost = (mode: string) => mode === 'host';
const isNone = (mode: string) => mode === 'none';
export const isBridge = (mode: string) => mode === 'bridge';
export const isContainer = (mode: string) => mode.startsWith('container:');

/** A user-defined network: none of the predefined ones, no other container's. */
export function isUserDefined(mode: string): boolean {
  return mode !== '' && mode !== 'default' && !isHost(mode) && !isNone(mode) && !isBridge(mode) && !isContainer(mode);
}
