/** Playbooks with Ansible's own modules for Docker (community.docker). */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { testEnvironment } from '../harness/host.ts';
import { collect, type CommandResult } from '../../demo/sandbox.ts';
import { missingClient, TEST_CLIENTS } from '../harness/test-clients.ts';
import { PROJECT, TestEngine } from '../harness/test-engine.ts';

/** Of a playbook: on a busy machine each task takes many seconds. */
const PATIENCE_MS = 600_000;
const PLAYBOOKS = join(PROJECT, 'test/compat/ansible');
const skip = existsSync('/usr/bin/ansible-playbook') ? missingClient('ansible') : 'ansible-core is not installed';

describe("Ansible's modules for Docker", { skip }, () => {
  let engine: TestEngine;

  before(async () => {
    engine = await TestEngine.start();
    engine.importFixtures();
  });
  after(() => engine?.destroy());

  const run = (file: string, ...args: string[]): Promise<CommandResult> => {
    const env = {
      ...testEnvironment(),
      DOCKER_HOST: engine.url,
      HOME: engine.dir,
      PYTHONPATH: TEST_CLIENTS.ansible,
      PYTHONDONTWRITEBYTECODE: '1',
      ANSIBLE_COLLECTIONS_PATH: TEST_CLIENTS.ansible,
      ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3',
      ANSIBLE_PIPELINING: '1',
      ANSIBLE_LOCALHOST_WARNING: '0',
      ANSIBLE_INVENTORY_UNPARSED_WARNING: '0',
      ANSIBLE_NOCOLOR: '1',
    };
    return collect(engine.host.spawn(file, args, { env }), { timeoutMs: PATIENCE_MS });
  };
  /** How many tasks changed something. */
  const play = async (name: string): Promise<number> => {
    const { code, out, both } = await run('ansible-playbook', join(PLAYBOOKS, `${name}.yml`));
    const recap = /^localhost +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0 /m.exec(out);
    assert.ok(code === 0 && recap, both);
    return Number(recap[1]);
  };

  test('what there is to be is made, and a second run changes nothing', async () => {
    assert.equal(await play('present'), 8);
    assert.equal(await play('present'), 0);
  });
  test('what there is is told, and commands run in it', async () => {
    await play('look');
  });
  test('containers are recreated, moved between networks, stopped, started and restarted', async () => {
    await play('change');
  });
  test('a hundred commands in a container each give their whole output', async () => {
    const ran = await run('/usr/bin/python3', join(PLAYBOOKS, 'exec.py'), 'sql', '50');
    assert.equal(ran.out, '100 calls\n', ran.both);
  });
  test('nothing stays of what is to be absent and of what is pruned', async () => {
    await play('absent');
  });
});
