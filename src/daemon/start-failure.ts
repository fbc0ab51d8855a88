/** Why a daemon could not start where a directory of its own cannot be written to: which one, why, and how to go on. */
import { causesOf, codeBeneath, errorMessage, systemError } from '../base/errors.ts';
import { WAYS_OUT, whyUnwritable, type Directories } from './unwritable.ts';

/** The error, and in front of it what is wrong with the directory if that can be the cause. */
export function withWayOut(error: unknown, directories: Directories): unknown {
  const code = codeBeneath(error, Object.keys(WAYS_OUT));
  if (code === undefined) return error;
  const places = causesOf(error)
    .map((cause) => (cause as { path?: unknown }).path)
    .filter((path) => typeof path === 'string');
  for (const [flag, directory] of Object.entries(directories)) {
    if (!places.some((place) => place.startsWith(`${directory}/`)) && whyUnwritable(directory) !== code) continue;
    return systemError(
      `failed to start daemon: ${directory} cannot be written to (${errorMessage(error)}): ${WAYS_OUT[code]} and start the daemon again, or choose another directory with ${flag}`,
      error,
    );
  }
  return error;
}
