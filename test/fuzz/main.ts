/**
 * Fuzzes for as long as it is told, for by hand: `npm run test:fuzz -- --seconds 3600`. Prints each finding with the
 * input cut down, and at the end the counts of each target; exit 1 if there were findings. `--store test/fuzz/corpus`
 * keeps the inputs. Half of the time goes to what can be read in this process, half to a real engine (as root).
 */
import { tryAll, type Finding } from './campaign.ts';
import { store } from './corpus.ts';
import { readOptions } from './options.ts';
import { PURE_TARGETS } from './targets/all.ts';

const options = readOptions(process.argv.slice(2));
const findings: Finding[] = [];
const report = (finding: Finding): void => {
  findings.push(finding);
  const { target, input, what } = finding;
  console.log(
    `FINDING ${target}: ${what}\n  input: ${Buffer.isBuffer(input) ? input.toString('base64') : JSON.stringify(input)}`.slice(
      0,
      4000,
    ),
  );
  if (options.store !== undefined) store(finding, options.store);
};

const counts = new Map<string, number>();
const add = (more: ReadonlyMap<string, number>): void =>
  more.forEach((count, name) => counts.set(name, (counts.get(name) ?? 0) + count));
const withEngine = process.getuid?.() === 0 && !process.argv.includes('--pure');
console.log(`seed ${options.seed}, ${options.seconds} s`);

add(
  tryAll(
    PURE_TARGETS.filter(({ name }) => name.includes(options.only)),
    { seed: options.seed, inputsPerTarget: options.inputs, seconds: options.seconds / (withEngine ? 2 : 1) },
    report,
  ).counts,
);
if (withEngine) {
  const { fuzzEngine } = await import('./live/fuzz-engine.ts');
  const { counts: sent, longestSilenceMs } = await fuzzEngine(
    { seed: options.seed, seconds: options.seconds / 2, only: options.only, silenceMs: 1000 },
    report,
  );
  add(sent);
  console.log(`longest silence of /_ping: ${longestSilenceMs} ms`);
}

for (const [name, count] of counts) console.log(`${String(count).padStart(10)}  ${name}`);
console.log(
  `${[...counts.values()].reduce((sum, count) => sum + count, 0)} inputs on ${counts.size} targets, ${findings.length} findings`,
);
process.exit(findings.length === 0 ? 0 : 1);
