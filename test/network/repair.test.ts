/** Whatever somebody else takes away is back within a second, under traffic, with a word about it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { Firewall } from '../../src/network/firewall/firewall.ts';
import type { Repair, Sandbox } from '../../src/network/service.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, run } from './lab.ts';

if (enterTestHost()) describe('repair', scenarios);

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function scenarios(): void {
  let lab: Lab;
  let web: Sandbox;
  let repairs: Repair[];
  beforeEach(async () => {
    lab = await Lab.start();
    repairs = [];
    lab.service.onRepair((repair) => repairs.push(repair));
    await lab.createNetwork('net');
    web = await lab.join('web', ['net'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    lab.serveTcp(web.netns, 80);
  });
  afterEach(() => lab.stop());

  async function isBack(pattern: RegExp): Promise<void> {
    // It takes milliseconds; a machine that has much else to do may take its time.
    const start = Date.now();
    while (!repairs.some((repair) => pattern.test(repair.what))) {
      assert.ok(
        Date.now() - start < 60_000,
        `not repaired; repaired: ${repairs.map((repair) => repair.what).join('; ')}`,
      );
      await sleep(5);
    }
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080, { seconds: 10 }), '172.18.0.1');
  }

  /**
   * Harms of which the engine is told after everything else are repaired, and nothing else was: it took nothing else
   * for damage.
   */
  async function newsDealtWith(): Promise<void> {
    assert.equal(run('nft', 'flush', 'map', 'inet', 'causeway', 'publish-any4').code, 0);
    await isBack(/elements of the firewall table/);
    assert.equal(run('ip', 'link', 'set', lab.network('net').bridgeName, 'down').code, 0);
    await isBack(/bridge/);
    assert.deepEqual(
      repairs.map(({ what }) => what).filter((what) => !/elements of the firewall table|bridge/.test(what)),
      [],
    );
    repairs.length = 0;
  }

  test('own changes are not taken for drift', async () => {
    const other = await lab.join('other', ['net', 'bridge'], {
      portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8081' }] },
    });
    await lab.service.leave(other.containerId);
    run('nft', 'add', 'table', 'ip', 'mine');
    run('nft', 'add', 'rule', 'inet', 'causeway', 'user', 'tcp', 'dport', '9', 'accept');
    run('ip', 'link', 'add', 'foreign', 'type', 'bridge');
    run('ip', 'link', 'del', 'foreign');
    await newsDealtWith();
  });

  test('a flushed ruleset, a deleted chain, a changed rule, a removed element', async () => {
    run('nft', 'add', 'rule', 'inet', 'causeway', 'user', 'tcp', 'dport', '9', 'accept');
    await newsDealtWith();
    run('nft', 'flush', 'ruleset');
    await isBack(/firewall table was damaged or gone/);
    assert.match(run('nft', 'list', 'chain', 'inet', 'causeway', 'user').out, /dport 9 accept/);
    repairs.length = 0;
    run('nft', 'flush', 'chain', 'inet', 'causeway', 'nat-output');
    await isBack(/firewall table was damaged or gone/);
    repairs.length = 0;
    run('nft', 'flush', 'map', 'inet', 'causeway', 'publish-any4');
    await isBack(/elements of the firewall table/);
  });

  test("the user's rules outlive a flush, a damaged table and another release's ruleset", async () => {
    run('nft', 'add rule inet causeway user ip saddr 203.0.113.9 counter drop comment "one"');
    // A set without a name: what the engine copies in the kernel's words has none, so this goes the longer way.
    run('nft', 'add rule inet causeway user tcp dport { 9, 10 } accept');
    await newsDealtWith();
    const rules = () => run('nft', 'list chain inet causeway user').out.replace(/packets \d+ bytes \d+/, '');
    const before = rules();
    assert.match(before, /tcp dport \{ 9, 10 \} accept/);
    for (const harm of ['flush ruleset', 'delete chain inet causeway input', 'flush ruleset']) {
      assert.equal(run('nft', harm).code, 0);
      await isBack(/firewall table was damaged or gone/);
      assert.equal(rules(), before);
      repairs.length = 0;
    }
    const firewall = new Firewall({ log: silentLog, ruleset: { inputPolicy: true } });
    const elements = firewall.elements();
    assert.equal(firewall.install(elements), 'written');
    firewall.close();
    const withoutVersion = (text: string) => text.replace(/\([0-9a-f]{12}\)/, '');
    assert.equal(withoutVersion(rules()), withoutVersion(before));
  });

  test('a deleted bridge, its address, a bridge that is down', async () => {
    const { bridgeName } = lab.network('net');
    run('ip', 'link', 'del', bridgeName);
    await isBack(/bridge br-\w+ was deleted/);
    repairs.length = 0;
    run('ip', 'addr', 'del', '172.18.0.1/16', 'dev', bridgeName);
    await isBack(/lost 172\.18\.0\.1\/16/);
    repairs.length = 0;
    run('ip', 'link', 'set', bridgeName, 'down');
    await isBack(/was set down/);
  });

  test('a deleted veth, one that is taken off its bridge', async () => {
    run('ip', 'link', 'del', web.endpoints[0]!.hostIfname);
    await isBack(/interface of container web on network net was deleted/);
    const inside = run('nsenter', `--net=${web.netns}`, 'ip', 'route').out;
    assert.match(inside, /default via 172\.18\.0\.1 dev eth0/);
    repairs.length = 0;
    run('ip', 'link', 'set', web.endpoints[0]!.hostIfname, 'nomaster');
    await isBack(/taken off its bridge/);
  });

  test('a veth that was deleted, or taken off its bridge, while no daemon ran', async () => {
    const other = await lab.join('other', ['net']);
    lab.serveTcp(other.netns, 80);
    await lab.withoutEngine(async () => {
      run('ip', 'link', 'del', web.endpoints[0]!.hostIfname);
      run('ip', 'link', 'set', other.endpoints[0]!.hostIfname, 'nomaster');
    });
    assert.deepEqual(
      lab.repairs.map(({ networkName, what }) => `${networkName}: ${what}`),
      ['net: the interface of container web on network net was deleted and is made anew'],
    );
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080), '172.18.0.1');
    assert.equal(await askTcp(undefined, other.endpoints[0]!.ipv4, 80), '172.18.0.1');
  });

  test('forwarding turned off', async () => {
    const outside = lab.otherHost();
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '0');
    await isBack(/IP forwarding/);
    assert.equal(await askTcp(outside, '192.0.2.1', 8080), '192.0.2.2');
  });

  test('an established connection survives a flush', async () => {
    const socket = connect({ host: '127.0.0.1', port: 8080 });
    await new Promise((resolve) => socket.once('connect', resolve));
    run('nft', 'flush', 'ruleset');
    await isBack(/firewall table was damaged or gone/);
    const answer = new Promise<string>((resolve) => {
      let text = '';
      socket.on('data', (data) => (text += data.toString()));
      socket.on('end', () => resolve(text));
    });
    socket.write('GET / HTTP/1.0\r\nConnection: close\r\n\r\n');
    assert.match(await answer, /172\.18\.0\.1/);
  });
}
