/** Why a daemon could not start where a directory of its own cannot be written to: which one, why, and how to go on. */
import { errorMessage, systemError } from '../base/errors.ts';
import { hostReason } from '../base/host-errors.ts';
import { WAYS_OUT, whyUnwritable, type Directories } from './unwritable.ts';

/** The error, and in front of it what is wrong with the directory if that can be the cause. */
export function withWayOut(error: unknown, directories: Directories): unknown {
  const message = errorMessage(error);
  for (const [flag, directory] of Object.entries(directories)) {
    const code = message.includes(`${directory}/`) ? Object.keys(WAYS_OUT).find((one) => message.includes(hostReason(one))) : whyUnwritable(directory);
    if (code === undefined || !Object.hasOwn(WAYS_OUT, code) || !message.includes(hostReason(code))) continue;
    return systemError(`failed to start daemon: ${directory} cannot be written to (${message}): ${WAYS_OUT[code]} and start the daemon again, or choose another directory with ${flag}`, error);
  }
  return error;
}
