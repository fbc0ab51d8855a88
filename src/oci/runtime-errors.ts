/**
 * The error of a runtime when a container or an exec does not start, in Docker's words, with the kind and the exit code
 * that follow from it. Nothing else parses a runtime's messages.
 */
import { hostCodeOf, hostFailure } from '../base/host-errors.ts';
import { StartError } from '../model/start-error.ts';
import { inRuncWords } from './crun-words.ts';
import type { RuntimeFlavour } from './runtime-program.ts';

/** The runtime's complaint alone: without time stamps, log fields and levels, one line. */
export function plainMessage(text: string): string {
  const messages: string[] = [];
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '') continue;
    const logged = /\bmsg="((?:[^"\\]|\\.)*)"/.exec(trimmed); // runc: time="..." level=error msg="..."
    if (logged) {
      if (!/level=(warning|info|debug)/.test(trimmed)) messages.push(logged[1]!.replace(/\\(.)/g, '$1'));
      continue;
    }
    messages.push(trimmed.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z:\s*/, '').replace(/^\[conmon:[a-z]\]:\s*/, ''));
  }
  // runc reports the same twice: the parent repeats its child's complaint.
  return [...new Set(messages)].join(': ');
}

const CREATE = 'failed to create task for container: failed to create shim task: OCI runtime create failed: ';
const RUNC = 'runc create failed: ';
const EXEC = 'OCI runtime exec failed: exec failed: ';
const PROCESS = 'unable to start container process: ';
const INIT = 'error during container init: ';

/** Why create failed. `program` is what the container was to run; `runtime` is named where it names itself: runc. */
export function createError(text: string, program: string, runtime: RuntimeFlavour = 'other'): StartError {
  const { complaint, ofProgram } = complaintOf(text, program);
  return startError(`${CREATE}${runtime === 'runc' ? RUNC : ''}${PROCESS}${ofProgram ? INIT : ''}`, complaint);
}

/** Why an exec failed: the same cases, worded as Docker words them for exec. */
export function execError(text: string, program: string): StartError {
  return startError(`${EXEC}${PROCESS}`, complaintOf(text, program).complaint);
}

// The exit code and the last words follow from the runtime's own, as they do in Docker.
function startError(before: string, complaint: string): StartError {
  const message = `${before}${complaint}`;
  const code = hostCodeOf(complaint);
  const cause = code && hostFailure(code);
  const has = (part: string) => complaint.toLowerCase().includes(part);
  if (has('permission denied')) return new StartError(message, 126, cause);
  if (has('is a directory')) return new StartError(`${message}: permission denied`, 126, cause);
  if (has('not a directory')) {
    const hint =
      'Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type';
    return new StartError(`${message}: ${hint}`, 127, cause);
  }
  if (has('executable file not found') || has('no such file or directory')) return new StartError(message, 127, cause);
  return new StartError(message, 128, cause);
}

/** Whether crun will not work because of a cgroup hierarchy next to the one that it uses. */
export const isAboutHybridCgroups = (text: string): boolean => /hybrid mode/i.test(text);

/** The complaint in runc's words, for crun too; `ofProgram`: it is about the program that was to run. */
function complaintOf(text: string, program: string): { complaint: string; ofProgram: boolean } {
  const message = plainMessage(text)
    .replace(/^(runc|crun) (create|exec) failed: /, '')
    .replace(/^unable to start container process: /, '')
    .replace(/^error during container init: /, '');
  const about = (reason: string, name = program) => ({ complaint: `exec: "${name}": ${reason}`, ofProgram: true });
  if (program === '') return about('executable file not found in $PATH');
  const start = message.indexOf('exec: "');
  if (start >= 0) return { complaint: message.slice(start), ofProgram: true };
  const missing = /executable file [`'"]?(.+?)[`'"]? not found/i.exec(message)?.[1];
  if (missing !== undefined) {
    return about(
      missing.includes('/') ? `stat ${missing}: no such file or directory` : 'executable file not found in $PATH',
      missing,
    );
  }
  const refused = /^open executable: (.*)$/i.exec(message)?.[1]?.toLowerCase();
  if (refused !== undefined) {
    // crun's EPERM is about something other than a file: a directory.
    const reason = refused === 'operation not permitted' ? 'is a directory' : refused;
    return about(/not a directory|no such file/.test(reason) ? `stat ${program}: ${reason}` : reason);
  }
  if (isAboutHybridCgroups(message)) {
    return { complaint: `${message} (use runc, or run where /sys/fs/cgroup/unified is not mounted)`, ofProgram: false };
  }
  return { complaint: inRuncWords(message) || 'the runtime gave no reason', ofProgram: false };
}
