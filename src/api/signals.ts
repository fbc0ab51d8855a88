import { constants } from 'node:os';

/** True for what Docker takes as a signal: 'SIGKILL', 'KILL', 'kill', '9', 'RTMIN+3'. */
export function isSignal(text: string): boolean {
  if (/^\d+$/.test(text)) return Number(text) > 0 && Number(text) <= 64;
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realTime = /^RT(?:MIN(?:\+(\d+))?|MAX(?:-(\d+))?)$/.exec(name);
  if (realTime) return Number(realTime[1] ?? 0) <= 15 && Number(realTime[2] ?? 0) <= 14;
  return `SIG${name}` in constants.signals || name === 'CLD';
}
