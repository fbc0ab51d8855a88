/** Completion: what may come next at a place of a line, and that a Tab in each shell brings it there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FakeEngine } from './fake-engine.ts';
import { runCausewayClient, runInTerminal } from './run-client.ts';

const root = join(import.meta.dirname, '../..');
const container = (name: string, State: string) => ({
  Id: name,
  Names: [`/${name}`, `/x/${name}`],
  Image: 'busybox',
  State,
  Status: State,
});

const ANSWERS = {
  'GET /containers/json': [
    container('webfront', 'running'),
    container('weekly', 'exited'),
    container('held', 'paused'),
    container('$(touch x)', 'running'),
  ],
  'GET /images/json': [
    { RepoTags: ['busybox:latest', 'training/webapp:2'] },
    { RepoTags: null },
    { RepoTags: ['<none>:<none>'] },
  ],
  'GET /networks': [
    { Name: 'bridge', Driver: 'bridge' },
    { Name: 'front\u001b[2J', Driver: 'x' },
    { Name: 'back', Driver: 'bridge\u001b[2J' },
  ],
  'GET /volumes': { Volumes: [{ Name: 'data', Driver: 'local' }] },
};

let engine: FakeEngine;
before(async () => {
  engine = await FakeEngine.start(ANSWERS);
});
after(() => engine.stop());

async function words(line: string, host = engine.host): Promise<string[]> {
  const outcome = await runCausewayClient(['__complete', '--line', line], { host });
  assert.deepEqual([outcome.code, outcome.stderr], [0, ''], line);
  return outcome.stdout.split('\n').flatMap((one) => (one === '' ? [] : [one.split('\t')[0]!]));
}

describe('what may come next', () => {
  const cases: readonly (readonly [line: string, expected: readonly string[]])[] = [
    ['causeway netw', ['network']],
    ['causeway network dis', ['disconnect']],
    ['causeway network nosuch x', []],
    ['causeway run --na', ['--name']],
    ['causeway run --restart un', ['unless-stopped']],
    ['causeway run --restart=un', ['--restart=unless-stopped']],
    ['causeway run --rm=', ['--rm=true', '--rm=false']],
    ['causeway run --network ba', ['back']],
    ['causeway run --network=ba', ['--network=back']],
    ['causeway run -it --rm bus', ['busybox']],
    ['causeway run training/', ['training/webapp:2']],
    ['causeway run busybox --na', [':files']],
    ['causeway run --env-file ', [':files']],
    ['causeway stop we', ['webfront']],
    ['causeway container stop we', ['webfront']],
    ['causeway start we', ['weekly']],
    ['causeway unpause ', ['held']],
    ['causeway rm we', ['webfront', 'weekly']],
    ['causeway rm webfront we', ['weekly']],
    ["causeway rm 'webfront' we", ['weekly']],
    ['causeway rename weekly ', []],
    ['causeway network connect ', ['bridge', 'back']],
    ['causeway network connect back we', ['webfront', 'weekly']],
    ['causeway network create ', []],
    ['causeway volume rm ', ['data']],
    ['causeway cp web', ['webfront:', ':files', ':open']],
    ['causeway port we', ['webfront', 'weekly']],
    ['causeway completion z', ['zsh']],
    ['causeway --host nowhere://x stop we', []],
    ['causeway --nosuch ps --fil', ['--filter']],
    ['causeway nosuch ', []],
    ['causeway ps --filter st', ['status=', ':open']],
  ];
  for (const [line, expected] of cases) it(line, async () => assert.deepEqual(await words(line), expected));

  it('asks the engine that the line names', async () => {
    const other = await FakeEngine.start({ 'GET /volumes': { Volumes: [{ Name: 'elsewhere' }] } });
    assert.deepEqual(await words(`causeway -H ${other.host} volume rm `), ['elsewhere']);
    await other.stop();
  });

  it('is little where no engine answers, or one that says nonsense', async () => {
    assert.deepEqual(await words('causeway stop ', 'unix:///nonexistent/sock'), []);
    const odd = await FakeEngine.start({ 'GET /containers/json': { a: 1 }, 'GET /volumes': [null, 7] });
    assert.deepEqual(await words('causeway stop ', odd.host), []);
    assert.deepEqual(await words('causeway volume rm ', odd.host), []);
    await odd.stop();
  });

  it('has no control characters of an engine in what is said beside a name', async () => {
    const outcome = await runCausewayClient(['__complete', '--', 'network', 'rm', ''], { host: engine.host });
    assert.ok(!outcome.stdout.includes('\u001b'));
    assert.match(outcome.stdout, /^back\tbridge\\u001b/m);
  });
});

describe('every command of the table', () => {
  it('has flags, and each place and value can be asked for', async () => {
    const { allCommands } = await import('../../src/cli/command/find.ts');
    const { wantedAt } = await import('../../src/cli/completion/wanted.ts');
    for (const { words: path, entry } of allCommands()) {
      const { flags } = await entry.load();
      const offered = (await wantedAt([...path, '--'])).words.map(({ word }) => word);
      assert.deepEqual(
        flags.filter(({ hidden, name }) => !hidden && !offered.includes(`--${name}`)),
        [],
        path.join(' '),
      );
      for (const flag of flags) await wantedAt([...path, `--${flag.name}`, '']);
      await wantedAt([...path, '']);
    }
  });
});

/** How each is started, and what it reads then. */
const SHELLS: Readonly<Record<string, { readonly start: string; readonly file: string; readonly reads: string }>> = {
  bash: {
    start: 'exec bash --noprofile --rcfile "$HOME/bashrc" -i',
    file: 'bashrc',
    reads: 'PS1="ready> "; source <(causeway completion bash)\n',
  },
  zsh: {
    start: 'ZDOTDIR=$HOME exec zsh -i',
    file: '.zshrc',
    reads: 'PS1="ready> "; autoload -Uz compinit; compinit -u -D; source <(causeway completion zsh)\n',
  },
  fish: {
    start: 'exec fish --private --no-config --init-command "source $HOME/init.fish"',
    file: 'init.fish',
    reads: 'function fish_prompt; echo -n "ready> "; end; causeway completion fish | source\n',
  },
};

const hasScript = spawnSync('script', ['--version']).error === undefined;

describe('a Tab', { skip: !hasScript && 'there is no script(1)' }, () => {
  const home = mkdtempSync(join(tmpdir(), 'causeway-completion-'));
  before(() => symlinkSync(join(root, 'bin/causeway'), join(home, 'causeway')));
  after(() => rmSync(home, { recursive: true, force: true }));

  for (const [shell, { start, file, reads }] of Object.entries(SHELLS)) {
    const there = spawnSync(shell, ['-c', 'true']).error === undefined;
    it(`in ${shell} completes commands, flags and names`, { skip: !there && `there is no ${shell}` }, async () => {
      writeFileSync(join(home, file), reads);
      const own = await FakeEngine.start({
        ...ANSWERS,
        'POST /containers/webfront/stop': (_asked, response) => response.writeHead(204).end(),
        'DELETE /images/training/webapp%3A2': [],
      });
      try {
        const { output } = await runInTerminal(start, {
          host: own.host,
          rows: 40,
          columns: 150,
          home,
          env: { PATH: `${home}:${process.env['PATH']}`, TERM: 'dumb', HISTFILE: '' },
          when: [['ready> ', 'causeway sto\t --ti\t 3 webf\t; causeway image rm training/webapp:\t; exit\r']],
        });
        assert.equal(own.calls('POST /containers/webfront/stop')[0]?.query.get('t'), '3', output);
        assert.equal(own.calls('DELETE /images/training/webapp%3A2').length, 1, output);
      } finally {
        await own.stop();
      }
    });
  }
});
