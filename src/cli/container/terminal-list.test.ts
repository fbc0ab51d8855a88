import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayPorts } from './listing.ts';
import { mergeFamilies, paintStatus } from './terminal-list.ts';

const port = (IP: string, PublicPort: number, PrivatePort: number, Type = 'tcp') => ({
  IP,
  PublicPort,
  PrivatePort,
  Type,
});

test('a port that both families publish alike is shown once, others as they are', () => {
  const shown = (...ports: Parameters<typeof mergeFamilies>[0]) => displayPorts(mergeFamilies(ports));
  assert.equal(shown(port('0.0.0.0', 80, 80), port('::', 80, 80)), '*:80->80/tcp');
  assert.equal(shown(port('0.0.0.0', 80, 80), port('::', 81, 80)), '0.0.0.0:80->80/tcp, [::]:81->80/tcp');
  assert.equal(shown(port('0.0.0.0', 80, 80), port('::', 80, 80, 'udp')), '0.0.0.0:80->80/tcp, [::]:80->80/udp');
  assert.equal(
    shown(
      port('0.0.0.0', 80, 80),
      port('::', 80, 80),
      port('0.0.0.0', 81, 81),
      port('::', 81, 81),
      port('127.0.0.1', 9, 9),
    ),
    '127.0.0.1:9->9/tcp, *:80-81->80-81/tcp',
  );
});

test('the status of a container has a colour, and no other text of its line', () => {
  const table = [
    'IMAGE    STATUS                     PORTS     NAMES',
    'a        Up 3 minutes               80/tcp    Up',
    'b        Up 3 minutes (unhealthy)             x',
    'ü        Exited (1) 2 hours ago               y',
    'c        Exited (0) 2 hours ago               z',
    '',
  ].join('\n');
  assert.deepEqual(paintStatus(table).split('\n'), [
    'IMAGE    STATUS                     PORTS     NAMES',
    'a        \x1b[32mUp 3 minutes\x1b[0m               80/tcp    Up',
    'b        \x1b[31mUp 3 minutes (unhealthy)\x1b[0m             x',
    'ü        \x1b[31mExited (1) 2 hours ago\x1b[0m               y',
    'c        Exited (0) 2 hours ago               z',
    '',
  ]);
});
