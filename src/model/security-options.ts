/**
 * --security-opt, read once: 'no-new-privileges', 'seccomp=...', 'apparmor=...', 'label=...', 'writable-cgroups=...'.
 */
import { invalid } from '../base/errors.ts';
import { readGoBoolean } from '../base/go-boolean.ts';

export interface SecurityOptions {
  /** null = not said. */
  readonly noNewPrivileges: boolean | null;
  /** null = none given; 'builtin' = the default profile; 'unconfined' = none; else a profile's JSON text. */
  readonly seccomp: string | null;
  /** '' = none given. */
  readonly apparmor: string;
  readonly labels: readonly string[];
  readonly writableCgroups: boolean;
}

/** Kind `invalid` and Docker's texts for what Docker refuses. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let noNewPrivileges: boolean | null = null;
  let seccomp: string | null = null;
  let apparmor = '';
  let writableCgroups = false;
  const labels: string[] = [];
  for (const option of options) {
    if (option === 'no-new-privileges') {
      noNewPrivileges = true;
      continue;
    }
    if (option === 'writable-cgroups') {
      writableCgroups = true;
      continue;
    }
    if (option === 'disable') {
      labels.push('disable');
      continue;
    }
    // 'key=value' is today's form, 'key:value' the old one; a profile's JSON has colons of its own.
    const separator = option.includes('=') ? '=' : ':';
    const at = option.indexOf(separator);
    if (at < 0) throw invalid(`invalid --security-opt 1: ${JSON.stringify(option)}`);
    const key = option.slice(0, at);
    const value = option.slice(at + 1);
    switch (key) {
      case 'label':
        labels.push(value);
        break;
      case 'apparmor':
        apparmor = value;
        break;
      case 'seccomp':
        seccomp = value;
        break;
      case 'no-new-privileges':
        noNewPrivileges = parseBoolean(value, option);
        break;
      case 'writable-cgroups':
        writableCgroups = parseBoolean(value, option);
        break;
      default:
        throw invalid(`invalid --security-opt 2: ${JSON.stringify(option)}`);
    }
  }
  return { noNewPrivileges, seccomp, apparmor, labels, writableCgroups };
}

function parseBoolean(value: string, option: string): boolean {
  const read = readGoBoolean(value);
  if (read === undefined) throw invalid(`invalid --security-opt 2: ${JSON.stringify(option)}`);
  return read;
}
