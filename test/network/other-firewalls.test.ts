/** Other firewalls on the host: what of theirs stops containers is named, with what to do; nothing else is. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, run } from './lab.ts';

if (enterTestHost(import.meta.url)) describe('other firewalls', scenarios);

function scenarios(): void {
  let lab: Lab;
  let outside: string;
  before(async () => {
    lab = await Lab.start();
    outside = lab.otherHost();
    const web = await lab.join('web', ['bridge'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    lab.serveTcp(web.netns, 80);
  });
  after(() => lab.stop());
  afterEach(() => {
    for (const family of ['inet', 'ip', 'ip6']) run('nft', 'delete', 'table', family, 'theirs');
  });

  const drops = async () =>
    (await lab.service.hostWarnings()).flatMap((text) => /^another firewall's chain "(.*)" drops forwarded packets \((.*)\): .* To let them pass: (.*)$/.exec(text)?.slice(1) ?? []);
  const reaches = async () => (await askTcp(outside, '192.0.2.1', 8080)) === '192.0.2.2';
  const theirs = (family: string, policy: string, ...rules: string[]) => {
    const { code, out } = run('nft', `table ${family} theirs { chain FORWARD { type filter hook forward priority 10; policy ${policy}; ct state established accept; ${rules.map((rule) => `${rule}; `).join('')}}; }`);
    assert.equal(code, 0, out);
  };

  for (const [what, policy, rules, by] of [
    ['a policy', 'drop', [], 'policy drop'],
    ['a rule at the end', 'accept', ['counter reject'], 'reject'],
    ['a rule for a bridge of ours', 'accept', ['oifname "docker0" counter drop'], 'oifname "docker0" drop'],
  ] as const) {
    test(`${what} that drops is named, and what is advised helps`, async () => {
      assert.ok(await reaches());
      theirs('ip', policy, ...rules);
      assert.equal(await reaches(), false);
      const [chain, reason, advice = ''] = await drops();
      assert.deepEqual([chain, reason], ['ip theirs FORWARD', by]);
      assert.equal(run('sh', '-c', advice).code, 0, advice);
      assert.ok(await reaches());
      if (!by.includes('docker0')) assert.deepEqual(await drops(), [], 'what lets containers through is no matter');
    });
  }

  test('in every family', async () => {
    for (const family of ['inet', 'ip6']) {
      theirs(family, 'drop');
      assert.equal((await drops())[0], `${family} theirs FORWARD`);
      run('nft', 'delete', 'table', family, 'theirs');
    }
  });

  test('rules that mean others are passed over', async () => {
    theirs('inet', 'accept', 'iifname "eth7" drop', 'ip saddr 203.0.113.0/24 drop', 'oifname "docker0" tcp dport 25 drop', 'tcp dport 135 reject');
    run('nft', 'table ip6 theirs { chain input { type filter hook input priority 0; policy drop; }; }');
    assert.deepEqual(await drops(), []);
  });

  test("iptables' own tables, which nft does not show", async (t) => {
    if (run('iptables-legacy', '-S', 'FORWARD').code !== 0) return t.skip('no iptables-legacy here');
    assert.deepEqual(await drops(), []);
    assert.equal(run('iptables-legacy', '-P', 'FORWARD', 'DROP').code, 0);
    try {
      assert.equal(await reaches(), false);
      const [chain, reason, advice = ''] = await drops();
      assert.deepEqual([chain, reason], ['iptables-legacy FORWARD', 'policy drop']);
      assert.equal(run('sh', '-c', advice).code, 0);
      assert.ok(await reaches());
      assert.deepEqual(await drops(), []);
    } finally {
      run('iptables-legacy', '-F', 'FORWARD');
      run('iptables-legacy', '-P', 'FORWARD', 'ACCEPT');
    }
  });
}
