/**
 * Asks an API whether it lives, every 50 ms, from a process of its own: node ping-sampler.mjs SOCKET. A line on stdin asks for the
 * longest time, in milliseconds, that no answer came since the last line; the answer is a line on stdout.
 */
import { Agent, request } from 'node:http';

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const socketPath = process.argv[2];
let longestMs = 0;
let askedAt = 0; // 0: no question is open

function ask() {
  if (askedAt !== 0) return;
  const began = (askedAt = performance.now());
  const answered = () => {
    longestMs = Math.max(longestMs, performance.now() - began);
    askedAt = 0;
  };
  const ping = request({ socketPath, agent, path: '/_ping' }, (response) => response.resume().on('end', answered));
  ping.on('error', answered);
  ping.end();
}

setInterval(ask, 50);
process.stdin.on('data', () => {
  const openMs = askedAt === 0 ? 0 : performance.now() - askedAt;
  process.stdout.write(`${Math.round(Math.max(longestMs, openMs))}\n`);
  longestMs = 0;
});
process.stdin.on('end', () => process.exit(0));
process.stdout.write('ready\n');
