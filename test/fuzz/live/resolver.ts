/** Packets to the resolver of the bystander, from inside its network: it is asked for itself. */
import { spawnSync } from 'node:child_process';
import type { Input } from '../campaign.ts';
import { dnsTargets } from '../targets/dns.ts';
import type { LiveTarget } from './live-target.ts';
import type { World } from './world.ts';

const packets = dnsTargets.find(({ name }) => name === 'dns message')!;

/**
 * Reads packets as lines of base64, sends them, then asks for a name that exists and prints whether it was answered.
 */
const SENDER = `
const dgram = require('dgram'), lines = require('fs').readFileSync(0, 'latin1').split('\\n').filter(Boolean);
const socket = dgram.createSocket('udp4');
const question = Buffer.from('abcd01000001000000000000096279737461' + '6e64657200' + '00010001', 'hex');
socket.on('message', (m) => { if (m.length > 30 && m.readUInt16BE(0) === 0xabcd && m.readUInt16BE(6) === 1) { process.stdout.write('answered'); process.exit(0); } });
(async () => {
  for (const line of lines) { await new Promise((done) => socket.send(Buffer.from(line, 'base64'), 53, '127.0.0.11', done)); }
  for (let left = 60; left > 0; left--) { socket.send(question, 53, '127.0.0.11'); await new Promise((done) => setTimeout(done, 500)); }
  process.stdout.write('silent'); process.exit(1);
})();`;

const BATCH = 200;

/** One input is a batch: a process in the container's network for each packet would be slow. */
export const resolverTarget: LiveTarget & { readonly batch: number } = {
  name: 'engine: packets to the resolver',
  parallel: 1,
  batch: BATCH,
  make: (random) => ({
    json: Array.from({ length: BATCH }, () => (packets.make(random) as Buffer).subarray(0, 9000).toString('base64')),
  }),
  async send(input: Input, world: World) {
    const pid = world.engine.ok('inspect', '-f', '{{.State.Pid}}', world.bystander.id); // the one that no other input ends
    const ran = spawnSync('nsenter', [`--net=/proc/${pid}/ns/net`, process.execPath, '-e', SENDER], {
      input: (input as { json: string[] }).json.join('\n'),
      encoding: 'utf8',
      timeout: 120_000,
    });
    return ran.stdout === 'answered'
      ? undefined
      : `the resolver does not answer any more: ${ran.stdout} ${ran.stderr.slice(0, 500)}`;
  },
};
