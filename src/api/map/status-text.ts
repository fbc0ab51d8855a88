/** The STATUS column of `docker ps`: 'Up 3 minutes (healthy)', 'Exited (0) 5 seconds ago'. */
import { ZERO_TIME } from '../../base/clock.ts';
import type { ContainerState } from '../../model/container.ts';

/** `networkLost`: whose network it shares that has none now. */
export function statusText(state: ContainerState, nowMs: number, networkLost = ''): string {
  const since = (time: string) => humanDuration(nowMs - Date.parse(time));
  switch (state.status) {
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case 'running':
      return `Up ${since(state.startedAt)}${healthSuffix(state)}${networkLost === '' ? '' : ` (no network: ${networkLost} is down)`}`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    case 'created':
      return 'Created';
    case 'exited':
      if (state.startedAt === ZERO_TIME) return 'Created';
      return state.finishedAt === ZERO_TIME ? '' : `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

function healthSuffix(state: ContainerState): string {
  const status = state.health?.status ?? 'none';
  if (status === 'none') return '';
  return status === 'starting' ? ' (health: starting)' : ` (${status})`;
}

/** Docker's wording of a length of time. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(ms / 3_600_000 + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(Math.trunc(ms / 3_600_000) / 24 / 365)} years`;
}
