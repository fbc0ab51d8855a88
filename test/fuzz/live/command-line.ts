/** The command as a process: an exit code of its own, a sentence, no stack. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { faultOfSentence, type Input } from '../campaign.ts';
import { entries, groups } from '../../../src/cli/command/catalog.ts';
import { testEnvironment } from '../../harness/host.ts';
import { PROJECT } from '../../harness/test-engine.ts';
import { PURE_TARGETS } from '../targets/all.ts';
import { hostileText } from '../random.ts';
import type { LiveTarget } from './live-target.ts';

const flags = PURE_TARGETS.find(({ name }) => name === 'run and create')!;
/** These start or change something on this machine by themselves. */
const LEFT_OUT = new Set(['daemon', 'doctor', 'login', 'logout', 'cp', 'save', 'export']);
const calls = [
  ...entries.map(({ name }) => [name]),
  ...groups.flatMap((group) => group.entries.map(({ name }) => [group.name, name])),
].filter((words) => !words.some((word) => LEFT_OUT.has(word)));

export const commandTarget: LiveTarget = {
  name: 'engine: command lines',
  parallel: 2,
  make(random) {
    const argv = (flags.make(random) as { json: string[] }).json
      .map((word) => word.replaceAll('\0', '').slice(0, 2000))
      .filter((word) => !/^--?(H|host|config|cidfile)/.test(word));
    return {
      json: [
        ...(random.once(8) ? [hostileText(random).replaceAll('\0', '').slice(0, 500)] : random.pick(calls)),
        ...argv,
      ],
    };
  },
  // Nobody listens: whatever it parses, it changes nothing.
  send: (input: Input) =>
    new Promise((resolve) => {
      const argv = (input as { json: string[] }).json;
      const child = spawn(join(PROJECT, 'bin/causeway'), argv, {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...testEnvironment(), CAUSEWAY_HOST: 'unix:///nonexistent/api.sock', HOME: '/nonexistent' },
        timeout: 60_000,
      });
      let text = '';
      child.stderr.on('data', (chunk: Buffer) => {
        if (text.length < 100_000) text += chunk.toString();
      });
      child.on('error', (error) => resolve(/E2BIG|ERR_INVALID_ARG/.test(String(error)) ? undefined : String(error)));
      child.on('close', (code, signal) => {
        if (signal !== null) return resolve(`ended by ${signal}`);
        if (![0, 1, 125].includes(code ?? -1)) return resolve(`exit ${code}: ${text.slice(0, 300)}`);
        if (code !== 0 && text.trim() === '') return resolve(`exit ${code} and not a word`);
        resolve(faultOfSentence(text, argv.join(' ')));
      });
    }),
};
