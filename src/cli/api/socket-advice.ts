/** What to do about a socket that one may not use. */
import { readFileSync, statSync } from 'node:fs';
import type { Endpoint } from './endpoint.ts';

/** Who may use the socket and how to become one of them; behind a permission error. Empty: not known. */
export function socketAdvice(endpoint: Endpoint): string {
  if (endpoint.kind !== 'unix') return '';
  try {
    const { gid, mode } = statSync(endpoint.path);
    if (gid === 0 || (mode & 0o020) === 0) return ': it is for root alone; run this with sudo';
    const group = groupName(gid) ?? String(gid);
    return `: it is for root and the group ${group}; run this with sudo, or join the group (sudo usermod -aG ${group} $USER) and log in again`;
  } catch {
    return '';
  }
}

const groupName = (gid: number): string | undefined =>
  readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, , id]) => id === String(gid))?.[0];
