/**
 * Every scenario is replayed with the real docker client, and what it prints must be what Docker 28.5 printed, without a
 * difference; and what Docker 20.10 printed, but for the differences that are listed, each with its reason.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run } from '../harness/host.ts';
import { PROJECT, TestEngine } from '../harness/test-engine.ts';
import { DIFFERENCES } from './differences.ts';
import { replayScenario } from './replay.ts';

let engine: TestEngine;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  // The transcripts are of a host whose name server does not answer; without a route it would be refused at once.
  engine.host.ok(
    'sh',
    '-c',
    'ip link add sink type veth peer name drain && ip link set drain up && ip link set sink arp off up && ip route replace default dev sink',
  );
});
after(() => engine?.destroy());

/** What the client prints around the engine's words differs between its versions; the transcripts are of 28. */
const clientVersion = run('docker', ['version', '--format', '{{.Client.Version}}']).out.trim();
const otherClient =
  Number.parseInt(clientVersion, 10) === 28
    ? false
    : `the transcripts are of the docker client 28, this one is ${clientVersion || 'not installed'}`;

/** Docker's transcript with the known differences put in; one that does not apply any more is an error. */
function expected(scenario: string): string {
  let text = readFileSync(join(PROJECT, 'test/compat/docker-20.10', `${scenario}.out`), 'utf8');
  for (const { docker, here, because } of DIFFERENCES[scenario] ?? []) {
    assert.ok(
      text.includes(docker),
      `${scenario}: Docker never printed this, so it cannot differ ("${because}"):\n${docker}`,
    );
    text = text.replace(docker, () => here);
  }
  return text;
}

/** Without what is said here beyond Docker's words: who holds a port. */
const likeDocker28 = (seen: string): string =>
  seen.replace(/(port is already allocated|address already in use): held by [^\n]*/g, '$1');

const SCENARIOS = [
  'seed-links',
  'seed-networks',
  'links',
  'links-user-network',
  'dns',
  'hosts',
  'connect',
  'networks-cli',
  'addresses',
  'modes',
  'publish',
  'isolation',
];
for (const scenario of SCENARIOS) {
  const known = DIFFERENCES[scenario]?.length ?? 0;
  test(
    `${scenario}: a user sees what Docker shows${known > 0 ? `, but for ${known} explained differences` : ''}`,
    { timeout: 240_000, skip: otherClient },
    () => {
      const seen = replayScenario(engine, join(PROJECT, 'test/compat/scenarios', `${scenario}.t`));
      assert.equal(
        likeDocker28(seen),
        readFileSync(join(PROJECT, 'test/compat/docker-28.5', `${scenario}.out`), 'utf8'),
      );
      assert.equal(seen, expected(scenario));
    },
  );
}
