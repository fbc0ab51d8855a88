import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ordinaryPackets, placeOf } from '../others/forward-place.ts';
import { planJump, planRemoval, stateOfListing } from './iptables-jump.ts';
import { parseListing } from '../others/iptables-listing.ts';

const packets = ordinaryPackets('ip', ['docker0', 'br-web'], ['eth0']);
const plan = async (listing: string) => {
  const parsed = parseListing(listing);
  return planJump(stateOfListing(parsed), await placeOf(parsed, packets))
    ?.split('\n')
    .slice(1, -2);
};
/** Where among these rules of FORWARD the jump is put; 0: nowhere. Other chains are 'CHAIN: RULE'. */
const place = async (policy: string, ...rules: string[]) => {
  const chains = new Set(rules.flatMap((rule) => /^(\S+): /.exec(rule)?.[1] ?? []));
  const lines = [
    `-P FORWARD ${policy}`,
    ...[...chains].map((chain) => `-N ${chain}`),
    ...rules.flatMap((rule) =>
      /^\S+: $/.test(rule) ? [] : /^\S+: /.test(rule) ? `-A ${rule.replace(':', '')}` : `-A FORWARD ${rule}`,
    ),
  ];
  return Number(/-I FORWARD (\d+)/.exec((await plan(lines.join('\n')))?.join('\n') ?? '')?.[1] ?? 0);
};
const JUMP = '-m mark --mark 0x8000000/0x8000000 -j CAUSEWAY-FORWARD';
const OURS = ['-N CAUSEWAY-FORWARD', `-A FORWARD ${JUMP}`, '-A CAUSEWAY-FORWARD -j ACCEPT'];

test('a chain that stops nothing is left as it is', async () => {
  assert.equal(await plan('-P FORWARD ACCEPT'), undefined);
  assert.equal(await plan(['-P FORWARD DROP', ...OURS].join('\n')), undefined);
});

test('what drops ordinary packets is reason for a jump right before it', async () => {
  assert.deepEqual(await plan('-P FORWARD DROP'), [
    ':CAUSEWAY-FORWARD - [0:0]',
    '-A CAUSEWAY-FORWARD -j ACCEPT',
    `-I FORWARD 1 ${JUMP}`,
  ]);
  assert.equal(await place('ACCEPT', '-j ufw-reject-forward', 'ufw-reject-forward: -j REJECT'), 1);
  assert.equal(
    await place('ACCEPT', '-s 198.51.100.7/32 -j DROP', '-i eth0 -o docker0 -j DROP', '-s 198.51.100.8/32 -j DROP'),
    2,
  );
  assert.equal(await place('ACCEPT', '-p tcp -m tcp --dport 25 -j DROP', '-p udp -j DROP'), 2);
  assert.equal(
    await place(
      'DROP',
      '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-m set --match-set bad src -j DROP',
      '-i eth1 -j DROP',
    ),
    4,
  );
  assert.equal(await place('DROP', '-g deep', 'deep: -i tun0 -j ACCEPT'), 1);
  assert.equal(
    await place('DROP', '-i docker0 -j ACCEPT', '-o docker0 -j ACCEPT', '-i br-web -j ACCEPT', '-o br-web -j ACCEPT'),
    0,
  );
});

test('bans alone are no reason', async () => {
  for (const ban of [
    '-s 198.51.100.7/32 -j DROP',
    '-i eth7 -j DROP',
    '-m conntrack --ctstate INVALID -j DROP',
    '-p tcp -m tcp --dport 25 -j REJECT',
    '-s 10.0.0.0/8 -j bans',
  ])
    assert.equal(await place('ACCEPT', ban, 'bans: -j DROP'), 0, ban);
});

test('ufw: behind what it and its user decide, before what it logs', async () => {
  const chains = [
    '-j ufw-before-logging-forward',
    '-j ufw-before-forward',
    '-j ufw-after-forward',
    '-j ufw-after-logging-forward',
    '-j ufw-reject-forward',
    '-j ufw-track-forward',
  ];
  const filled = [
    'ufw-before-logging-forward: ',
    'ufw-before-forward: -p icmp -j ACCEPT',
    'ufw-before-forward: -j ufw-user-forward',
    'ufw-user-forward: -s 198.51.100.7/32 -j DROP',
    'ufw-after-forward: ',
    'ufw-after-logging-forward: -m limit --limit 3/min -j LOG',
    'ufw-reject-forward: ',
    'ufw-track-forward: ',
  ];
  assert.equal(await place('DROP', ...chains, ...filled), 3);
});

test('a jump moves behind a ban that came later, and stays where it may be', async () => {
  const lines = (...rules: string[]) =>
    ['-P FORWARD DROP', '-N CAUSEWAY-FORWARD', ...rules, '-A CAUSEWAY-FORWARD -j ACCEPT'].join('\n');
  const jump = `-A FORWARD ${JUMP}`;
  const ban = '-A FORWARD -s 198.51.100.7/32 -j DROP';
  assert.deepEqual(await plan(lines(jump, ban)), [`-D FORWARD ${JUMP}`, `-I FORWARD 2 ${JUMP}`]);
  assert.equal(await plan(lines(ban, jump)), undefined);
  assert.equal(await plan(lines(ban, jump, '-A FORWARD -j LOG')), undefined);
  assert.equal(await plan(lines(ban, '-A FORWARD -j LOG', jump)), undefined);
  assert.deepEqual(await plan(lines('-A FORWARD -j REJECT', jump)), [`-D FORWARD ${JUMP}`, `-I FORWARD 1 ${JUMP}`]);
  assert.deepEqual(await plan(lines(jump, ban).replace('DROP', 'ACCEPT')), [
    `-D FORWARD ${JUMP}`,
    `-I FORWARD 2 ${JUMP}`,
  ]);
  assert.equal(await plan(lines(jump).replace('DROP', 'ACCEPT')), undefined);
});

const USER = '-m mark --mark 0x8000000/0x8000000 -j DOCKER-USER';

test('rules of the user in DOCKER-USER come first, and once, whatever else stands there', async () => {
  const made = [':CAUSEWAY-FORWARD - [0:0]', '-A CAUSEWAY-FORWARD -j ACCEPT'];
  assert.deepEqual(await plan('-P FORWARD DROP\n-N DOCKER-USER'), [
    ...made,
    `-I FORWARD 1 ${USER}`,
    `-I FORWARD 2 ${JUMP}`,
  ]);
  assert.deepEqual(await plan('-P FORWARD DROP\n-N DOCKER-USER\n-A FORWARD -s 198.51.100.7/32 -j DROP'), [
    ...made,
    `-I FORWARD 1 ${USER}`,
    `-I FORWARD 3 ${JUMP}`,
  ]);
  assert.deepEqual(await plan('-P FORWARD DROP\n-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A FORWARD -j REJECT'), [
    ...made,
    `-I FORWARD 2 ${JUMP}`,
  ]);
  assert.deepEqual(await plan(['-P FORWARD DROP', '-N DOCKER-USER', ...OURS, '-A FORWARD -j DOCKER-USER'].join('\n')), [
    `-D FORWARD ${JUMP}`,
    `-I FORWARD 2 ${JUMP}`,
  ]);
});

test('also where FORWARD accepts, or accepts before the jump', async () => {
  const top = [`-I FORWARD 1 ${USER}`];
  assert.deepEqual(await plan('-P FORWARD ACCEPT\n-N DOCKER-USER'), top);
  assert.deepEqual(
    await plan('-P FORWARD ACCEPT\n-N DOCKER-USER\n-A FORWARD -o docker0 -j ACCEPT\n-A FORWARD -j DOCKER-USER'),
    top,
  );
  assert.deepEqual(await plan('-P FORWARD ACCEPT\n-N DOCKER-USER\n-A FORWARD -i eth0 -j DOCKER-USER'), top);
  assert.equal(
    await plan('-P FORWARD ACCEPT\n-N DOCKER-USER\n-A FORWARD -s 198.51.100.7/32 -j DROP\n-A FORWARD -j DOCKER-USER'),
    undefined,
  );
  assert.equal(await plan(`-P FORWARD ACCEPT\n-N DOCKER-USER\n-A FORWARD ${USER}`), undefined);
  assert.equal(
    await plan(`-P FORWARD ACCEPT\n-N DOCKER-USER\n-A FORWARD -s 198.51.100.7/32 -j DROP\n-A FORWARD ${USER}`),
    undefined,
    'who puts a rule above it needs no other',
  );
  assert.deepEqual(
    await plan(`-P FORWARD ACCEPT\n-N DOCKER-USER\n-A FORWARD -o docker0 -j ACCEPT\n-A FORWARD ${USER}`),
    [`-D FORWARD ${USER}`, ...top],
  );
  assert.deepEqual(await plan(`-P FORWARD ACCEPT\n-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A FORWARD ${USER}`), [
    `-D FORWARD ${USER}`,
  ]);
  assert.equal(await plan(['-P FORWARD DROP', '-N DOCKER-USER', `-A FORWARD ${USER}`, ...OURS].join('\n')), undefined);
});

test('an earlier form of it, in which our own chain led there, becomes this one', async () => {
  assert.deepEqual(
    await plan(
      [
        '-P FORWARD DROP',
        '-N DOCKER-USER',
        '-N CAUSEWAY-FORWARD',
        `-A FORWARD ${JUMP}`,
        '-A CAUSEWAY-FORWARD -j DOCKER-USER',
        '-A CAUSEWAY-FORWARD -j ACCEPT',
      ].join('\n'),
    ),
    [':CAUSEWAY-FORWARD - [0:0]', '-A CAUSEWAY-FORWARD -j ACCEPT', `-I FORWARD 1 ${USER}`],
  );
});

test('what was taken away of it is made again, and nothing else', async () => {
  assert.deepEqual(await plan('-P FORWARD DROP\n-N CAUSEWAY-FORWARD\n-A CAUSEWAY-FORWARD -j ACCEPT'), [
    `-I FORWARD 1 ${JUMP}`,
  ]);
  assert.deepEqual(await plan(`-P FORWARD DROP\n-N CAUSEWAY-FORWARD\n-A FORWARD ${JUMP}`), [
    ':CAUSEWAY-FORWARD - [0:0]',
    '-A CAUSEWAY-FORWARD -j ACCEPT',
  ]);
});

test('words in a comment are no target', () => {
  assert.deepEqual(
    stateOfListing(
      parseListing('-P FORWARD ACCEPT\n-A FORWARD -m comment --comment "x -j CAUSEWAY-FORWARD \\" -j Y" -j DROP'),
    ).targets,
    ['DROP'],
  );
});

test('a removal takes all jumps and the chain', () => {
  assert.equal(planRemoval(stateOfListing(parseListing('-P FORWARD DROP'))), undefined);
  assert.equal(
    planRemoval(stateOfListing(parseListing(['-P FORWARD DROP', ...OURS].join('\n')))),
    `*filter\n-D FORWARD ${JUMP}\n-F CAUSEWAY-FORWARD\n-X CAUSEWAY-FORWARD\nCOMMIT\n`,
  );
  assert.equal(
    planRemoval(
      stateOfListing(parseListing(`-P FORWARD ACCEPT\n-N DOCKER-USER\n-A FORWARD ${USER}\n-A FORWARD -j DOCKER-USER`)),
    ),
    `*filter\n-D FORWARD ${USER}\nCOMMIT\n`,
  );
});
