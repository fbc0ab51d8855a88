/**
 * Asks an API whether it lives, every 50 ms, from a process of its own: node ping-sampler.mjs SOCKET PID. A line on
 * stdin asks for the longest time, in milliseconds, that no answer came since the last line, and for the processor time
 * that the process PID used in that silence; the answer is a line on stdout with both. Silence without work of its own
 * is what a busy machine makes.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const [socketPath, pid] = process.argv.slice(2);
const TICK_MS = 10; // USER_HZ is 100 on every Linux
let longest = { silentMs: 0, workedMs: 0 };
let askedAt = 0; // 0: no question is open
let workedBefore = 0;

function workedMs() {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return 0; // it has ended
  }
}

function note() {
  const silentMs = performance.now() - askedAt;
  if (silentMs > longest.silentMs) longest = { silentMs, workedMs: Math.max(0, workedMs() - workedBefore) };
}

function ask() {
  if (askedAt !== 0) return;
  workedBefore = workedMs();
  askedAt = performance.now();
  const answered = () => {
    note();
    askedAt = 0;
  };
  const ping = request({ socketPath, agent, path: '/_ping' }, (response) => response.resume().on('end', answered));
  ping.on('error', answered);
  ping.end();
}

setInterval(ask, 50);
process.stdin.on('data', () => {
  if (askedAt !== 0) note();
  process.stdout.write(`${Math.round(longest.silentMs)} ${longest.workedMs}\n`);
  longest = { silentMs: 0, workedMs: 0 };
});
process.stdin.on('end', () => process.exit(0));
process.stdout.write('ready\n');
