/**
 * The host's name servers: followed when they change, and the ones behind systemd-resolved's stub where only the host
 * reaches it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { enterTestHost } from './inside.ts';
import { Lab } from './lab.ts';

function scenarios(): void {
  const dir = mkdtempSync(join(tmpdir(), 'causeway-servers-'));
  const hostResolvConf = join(dir, 'resolv.conf');
  const stubResolvConf = join(dir, 'behind.conf');
  after(() => rmSync(dir, { recursive: true }));
  /** As most programs do: another file in its place. */
  const write = (path: string, text: string) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  let lab: Lab;
  beforeEach(async () => {
    write(hostResolvConf, 'nameserver 10.0.0.1\nsearch example.com\n');
    write(stubResolvConf, 'nameserver 10.0.0.7\n');
    lab = await Lab.start({ hostResolvConf, stubResolvConf });
    await lab.createNetwork('net');
  });
  afterEach(() => lab.stop());
  const servers = (name: string) => /^nameserver (.*)$/m.exec(readFileSync(`${lab.dir}/${name}.resolv`, 'utf8'))?.[1];
  const asked = () =>
    [...lab.resolver.views.values()].flatMap((view) => view.upstreams.map(({ address, from }) => `${address} ${from}`));
  const until = async (what: () => boolean) => {
    for (let turn = 0; !what(); turn++) {
      assert.ok(turn < 1200, `never: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  test('running containers ask the new ones; a resolv.conf that the user changed stays', async () => {
    await lab.join('named', ['net']);
    await lab.join('plain', ['bridge']);
    await lab.join('edited', ['bridge']);
    await lab.join('own', ['bridge'], { dns: ['10.0.0.9'] });
    writeFileSync(`${lab.dir}/edited.resolv`, 'nameserver 10.0.0.8\n');
    assert.deepEqual(
      [servers('named'), servers('plain'), servers('own'), ...asked()],
      ['127.0.0.11', '10.0.0.1', '10.0.0.9', '10.0.0.1 host'],
    );
    write(hostResolvConf, 'nameserver 10.0.0.2\nnameserver 10.0.0.3\n');
    await until(() => servers('plain') === '10.0.0.2');
    await until(() => asked().length === 2);
    assert.deepEqual(asked(), ['10.0.0.2 host', '10.0.0.3 host']);
    assert.match(
      readFileSync(`${lab.dir}/named.resolv`, 'utf8'),
      /ExtServers: \[host\(10\.0\.0\.2\) host\(10\.0\.0\.3\)\]/,
    );
    assert.deepEqual([servers('edited'), servers('own')], ['10.0.0.8', '10.0.0.9']);
    await lab.restart();
    assert.deepEqual([servers('plain'), servers('edited')], ['10.0.0.2', '10.0.0.8']);
  });

  test('a stub on the host is asked from the host; containers that ask by themselves get those behind it', async () => {
    write(hostResolvConf, 'nameserver 127.0.0.53\noptions edns0 trust-ad\n');
    await lab.restart();
    await lab.join('named', ['net']);
    await lab.join('plain', ['bridge']);
    assert.deepEqual([servers('plain'), ...asked()], ['10.0.0.7', '127.0.0.53 host']);
    assert.match(readFileSync(`${lab.dir}/plain.resolv`, 'utf8'), /Based on host file: '.*behind\.conf' \(legacy\)/);
    write(stubResolvConf, 'nameserver 10.0.0.6\n');
    await until(() => servers('plain') === '10.0.0.6');
  });
}

if (enterTestHost()) describe("the host's name servers", scenarios);
