import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planJump, planRemoval, stateOfListing } from './iptables-jump.ts';
import { parseListing } from './iptables-listing.ts';

const plan = (listing: string) => planJump(stateOfListing(parseListing(listing)))?.split('\n').slice(1, -2);
const JUMP = '-m mark --mark 0x8000000/0x8000000 -j CAUSEWAY-FORWARD';
const OURS = ['-N CAUSEWAY-FORWARD', `-A FORWARD ${JUMP}`, '-A CAUSEWAY-FORWARD -j ACCEPT'];

test('a chain that stops nothing is left as it is', () => {
  assert.equal(plan('-P FORWARD ACCEPT'), undefined);
  assert.equal(plan(['-P FORWARD DROP', ...OURS].join('\n')), undefined);
});

test('a policy or any rule is reason for a jump at the top', () => {
  const made = [':CAUSEWAY-FORWARD - [0:0]', '-A CAUSEWAY-FORWARD -j ACCEPT', `-I FORWARD 1 ${JUMP}`];
  assert.deepEqual(plan('-P FORWARD DROP'), made);
  assert.deepEqual(plan('-P FORWARD ACCEPT\n-N ufw-reject-forward\n-A FORWARD -j ufw-reject-forward'), made);
});

test('rules of the user in DOCKER-USER come first, and once', () => {
  assert.deepEqual(plan('-P FORWARD DROP\n-N DOCKER-USER'), [':CAUSEWAY-FORWARD - [0:0]', '-A CAUSEWAY-FORWARD -j DOCKER-USER', '-A CAUSEWAY-FORWARD -j ACCEPT', `-I FORWARD 1 ${JUMP}`]);
  assert.deepEqual(plan('-P FORWARD DROP\n-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A FORWARD -j X'), [':CAUSEWAY-FORWARD - [0:0]', '-A CAUSEWAY-FORWARD -j ACCEPT', `-I FORWARD 2 ${JUMP}`]);
  assert.deepEqual(plan(['-P FORWARD DROP', '-N DOCKER-USER', ...OURS, '-A FORWARD -j DOCKER-USER'].join('\n')), [':CAUSEWAY-FORWARD - [0:0]', '-A CAUSEWAY-FORWARD -j DOCKER-USER', '-A CAUSEWAY-FORWARD -j ACCEPT']);
});

test('what was taken away of it is made again, and nothing else', () => {
  assert.deepEqual(plan('-P FORWARD DROP\n-N CAUSEWAY-FORWARD\n-A CAUSEWAY-FORWARD -j ACCEPT'), [`-I FORWARD 1 ${JUMP}`]);
  assert.deepEqual(plan(`-P FORWARD DROP\n-N CAUSEWAY-FORWARD\n-A FORWARD ${JUMP}`), [':CAUSEWAY-FORWARD - [0:0]', '-A CAUSEWAY-FORWARD -j ACCEPT']);
});

test('words in a comment are no target', () => {
  assert.deepEqual(stateOfListing(parseListing('-P FORWARD ACCEPT\n-A FORWARD -m comment --comment "x -j CAUSEWAY-FORWARD \\" -j Y" -j DROP')).targets, ['DROP']);
});

test('a removal takes all jumps and the chain', () => {
  assert.equal(planRemoval(stateOfListing(parseListing('-P FORWARD DROP'))), undefined);
  assert.equal(planRemoval(stateOfListing(parseListing(['-P FORWARD DROP', ...OURS].join('\n')))), `*filter\n-D FORWARD ${JUMP}\n-F CAUSEWAY-FORWARD\n-X CAUSEWAY-FORWARD\nCOMMIT\n`);
});
