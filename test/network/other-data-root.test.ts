/**
 * Daemons with different data roots, one after the other in one network namespace: none takes what containers of the
 * other live on.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { afterEach, describe, test } from 'node:test';
import type { Log } from '../../src/base/log.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, run } from './lab.ts';

if (enterTestHost()) describe('another data root', scenarios);

function scenarios(): void {
  const labs: Lab[] = [];
  const start = async (...args: Parameters<typeof Lab.start>): Promise<Lab> => {
    const lab = await Lab.start(...args);
    labs.push(lab);
    return lab;
  };
  afterEach(async () => {
    for (const lab of labs.splice(0).toReversed()) await lab.stop();
  });
  const aliasOf = (link: string) =>
    (JSON.parse(run('ip', '-j', 'link', 'show', link).out) as { ifalias?: string }[])[0]!.ifalias;

  test('interfaces of running containers are kept and reported by another daemon, and served again afterwards', async () => {
    const first = await start({ hostId: 'first' });
    await first.createNetwork('net');
    const web = await first.join('web', ['bridge', 'net'], {
      portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] },
    });
    first.serveTcp(web.netns, 80);
    const links = [...web.endpoints.map(({ hostIfname }) => hostIfname), first.network('net').bridgeName, 'docker0'];
    await first.withoutEngine(async () => {
      const warned: string[] = [];
      const note = (fields: unknown, text?: string) => void warned.push(`${text} ${JSON.stringify(fields)}`);
      const log = { debug: () => {}, info: () => {}, warn: note, error: note, child: () => log } as unknown as Log;
      const second = await start({ hostId: 'second' }, log);
      assert.equal(second.network('bridge').bridgeName, 'causeway0');
      for (const link of links) {
        assert.equal(aliasOf(link), 'causeway:first', link);
        assert.match(warned.join('\n'), new RegExp(`containers of another data root are left as they are.*"${link}"`));
      }
      await assert.rejects(
        second.createNetwork('net', { options: { 'com.docker.network.bridge.name': first.network('net').bridgeName } }),
        /is used by another engine \(Causeway with another data root\)/,
      );
      const other = await second.join('other', ['bridge']);
      second.serveTcp(other.netns, 80);
      assert.notEqual(await askTcp(undefined, other.endpoints[0]!.ipv4, 80), '');
      await labs.pop()!.stop();
    });
    assert.notEqual(await askTcp(undefined, '127.0.0.1', 8080), '');
    assert.deepEqual(
      first.repairs.filter(({ what }) => what.includes('interface of container')),
      [],
      'nothing was taken away',
    );
  });

  test('unused bridges are left to the next daemon, and interfaces of an earlier release are recognised', async () => {
    const first = await start({ hostId: 'first' });
    await first.service.shutdown();
    labs.pop();
    rmSync(first.dir, { recursive: true, force: true });
    const second = await start({ hostId: 'second' });
    assert.equal(second.network('bridge').bridgeName, 'docker0');
    assert.equal(aliasOf('docker0'), 'causeway:second');
    await second.withoutEngine(async () => {
      run('ip', 'link', 'set', 'docker0', 'alias', 'causeway');
      run('ip', 'link', 'add', 'br-old', 'alias', 'causeway', 'type', 'bridge');
      run('ip', 'link', 'set', 'br-old', 'alias', 'causeway');
    });
    assert.equal(aliasOf('docker0'), 'causeway:second');
    assert.notEqual(run('ip', 'link', 'show', 'br-old').code, 0);
  });
}
