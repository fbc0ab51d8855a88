/** --seccomp-profile: read once, when the daemon starts; what cannot be used is refused then. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { errorMessage, invalid } from '../base/errors.ts';
import { checkSeccompProfile } from '../oci/spec-check.ts';

const MAX_BYTES = 1024 * 1024;

/** 'builtin', 'unconfined' or a profile's JSON text. @throws invalid */
export function loadSeccompProfile(setting: string): string {
  if (setting === 'builtin' || setting === 'unconfined') return setting;
  let text: string;
  try {
    text = readProfile(setting);
  } catch (error) {
    throw invalid(`opening seccomp profile (${setting}) failed: ${errorMessage(error)}`, error);
  }
  try {
    checkSeccompProfile(text);
  } catch (error) {
    throw invalid(`invalid --seccomp-profile "${setting}": ${errorMessage(error)}`, error);
  }
  return text;
}

function readProfile(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw invalid('it is no regular file');
    if (stat.size > MAX_BYTES) throw invalid(`it is larger than ${MAX_BYTES} bytes`);
    const buffer = Buffer.alloc(stat.size);
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(fd);
  }
}
