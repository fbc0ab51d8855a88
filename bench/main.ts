/**
 * Causeway beside dockerd and podman, in one run, through the same docker client.
 *
 *   npm run bench -- [--engines a,b] [--rows a,b] [--quick] [--profile] [--json PATH] [--doc PATH] [--with PATHS]
 *
 * The runs of the engines take turns, so that whatever else the machine does hits all of them alike. Exit code: 0 if no
 * row fell short.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants, cpus, loadavg, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import type { Sandbox } from '../demo/sandbox.ts';
import { Engine, type EngineName } from './engines.ts';
import { importImage } from './image.ts';
import { readOptions, type BenchOptions } from './options.ts';
import { memoryTable, profileNetworks, profileRun, profileTable, type Profile } from './profile.ts';
import { asJson, fromJson, inPage, judge, table, type RowResult, type Sample } from './report.ts';
import { ROWS } from './rows.ts';
import type { Scenario } from './scenario.ts';
import { copies, labels, runSteps, stages } from './scenarios/builds.ts';
import { parallelRuns, runCalls, runCallsOnUserNetwork, runFloor } from './scenarios/calls.ts';
import { crowd, rest, run, runOnUserNetwork } from './scenarios/containers.ts';
import { files, programs } from './scenarios/files.ts';
import { images, largeImages } from './scenarios/images.ts';
import { gigabyteContext, manyFiles } from './scenarios/large-builds.ts';
import { nameFlood } from './scenarios/name-flood.ts';
import { crowdedNames, fiveHundred, names } from './scenarios/names.ts';
import { crowdedNetwork, growths, networkCalls, networkLife } from './scenarios/networks.ts';
import { execOutput, logs } from './scenarios/output.ts';
import { ownClient } from './scenarios/own-client.ts';
import { connectionsAmongMany, hundredPorts, startAmongMany, thousandPorts } from './scenarios/ports.ts';
import { connections, requests, throughput } from './scenarios/traffic.ts';
import { twoHundred } from './scenarios/two-hundred.ts';

/** At rest comes first: before anybody has worked. */
const SCENARIOS: readonly Scenario[] = [
  rest,
  run,
  runOnUserNetwork,
  runCalls,
  runCallsOnUserNetwork,
  runFloor,
  parallelRuns,
  ownClient,
  programs,
  execOutput,
  logs,
  images,
  largeImages,
  files,
  runSteps,
  labels,
  copies,
  stages,
  gigabyteContext,
  manyFiles,
  networkLife,
  networkCalls,
  hundredPorts,
  crowd,
  names,
  nameFlood,
  throughput,
  requests,
  connections,
  // What leaves the engines larger than they were comes last.
  twoHundred,
  crowdedNames,
  fiveHundred,
  connectionsAmongMany,
  thousandPorts,
  startAmongMany,
  crowdedNetwork,
  ...growths,
];

const sandboxes: Sandbox[] = [];
let interruptedBy: NodeJS.Signals | undefined;

function interrupt(signal: NodeJS.Signals): void {
  if (interruptedBy !== undefined) return;
  interruptedBy = signal;
  process.stderr.write('\ninterrupted: cleaning up\n');
  for (const sandbox of sandboxes) void sandbox.destroy();
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
process.stdout.on('error', () => interrupt('SIGHUP'));
// A fault of our own must not keep us from clearing away either.
process.on('uncaughtException', (error) => {
  process.stderr.write(`bench: ${error.stack ?? String(error)}\n`);
  interrupt('SIGABRT');
});

class Interrupted extends Error {}
const progress = (text: string): void => void process.stderr.write(`bench: ${text}\n`);

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') return 0;
  const engines: Engine[] = [];
  try {
    for (const name of options.engines) {
      progress(`starting ${name}`);
      const engine = await Engine.start(name, (sandbox) => sandboxes.push(sandbox));
      engines.push(engine);
      await importImage(engine);
      if (interruptedBy) throw new Interrupted();
    }
    const versions = Object.fromEntries(
      await Promise.all(engines.map(async (engine) => [engine.name, await engine.version()] as const)),
    );
    const collected = new Map<string, Partial<Record<EngineName, Sample>>>();
    for (const scenario of SCENARIOS)
      if (isWanted(scenario, options)) await play(scenario, engines, options, collected);
    const earlier = options.withPaths.flatMap((path) => fromJson(readFileSync(path, 'utf8'), ROWS));
    const results = ROWS.flatMap((row) =>
      options.rows.has(row.name) && collected.has(row.name)
        ? [judge(row, collected.get(row.name)!)]
        : earlier.filter((result) => result.row.name === row.name).slice(0, 1),
    );
    await report(results, engines, options, versions);
    return results.some((result) => result.met === false) ? 1 : 0;
  } catch (error) {
    if (interruptedBy === undefined)
      process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await Promise.all(sandboxes.map((sandbox) => sandbox.destroy()));
  }
}

const isWanted = (scenario: Scenario, { quick, named, rows }: BenchOptions): boolean =>
  scenario.rows.some((row) => rows.has(row)) && (named || !quick || scenario.quickRuns > 0);

/**
 * All runs of one scenario on all engines, in turns. What fails on one engine does not keep the others from being
 * measured.
 */
async function play(
  scenario: Scenario,
  engines: readonly Engine[],
  options: BenchOptions,
  collected: Map<string, Partial<Record<EngineName, Sample>>>,
): Promise<void> {
  progress(scenario.rows.join(', '));
  const values = new Map<Engine, Record<string, number[]>>(engines.map((engine) => [engine, {}]));
  const failures = new Map<Engine, string>();
  const attempt = async (engine: Engine, work: () => Promise<void>): Promise<void> => {
    if (interruptedBy) throw new Interrupted();
    if (failures.has(engine)) return;
    await work().catch((error: unknown) => {
      if (interruptedBy) throw new Interrupted();
      failures.set(engine, error instanceof Error ? error.message : String(error));
    });
  };
  if (scenario.only)
    for (const engine of engines)
      if (!scenario.only.engines.includes(engine.name)) failures.set(engine, scenario.only.because);
  for (const engine of engines) await attempt(engine, async () => scenario.prepare?.(engine));
  // With --quick, what is done once is long: twice would be too long.
  if (scenario.warmUp && !(options.quick && scenario.quickRuns <= 1))
    for (const engine of engines) await attempt(engine, async () => void (await scenario.measure(engine, options)));
  for (let turn = 0; turn < (options.quick ? Math.max(1, scenario.quickRuns) : scenario.runs); turn++) {
    for (const engine of engines) {
      await attempt(engine, async () => {
        const into = values.get(engine)!;
        for (const [row, value] of Object.entries(await scenario.measure(engine, options)))
          (into[row] ??= []).push(value);
      });
    }
  }
  for (const engine of engines) await scenario.finish?.(engine).catch(() => undefined);
  for (const row of scenario.rows) {
    const samples = Object.fromEntries(
      engines.map((engine) => {
        const error = failures.get(engine);
        const measured = values.get(engine)?.[row] ?? [];
        return [engine.name, { values: measured, ...(error === undefined ? {} : { error }) }];
      }),
    );
    collected.set(row, samples);
  }
}

async function report(
  results: readonly RowResult[],
  engines: readonly Engine[],
  options: BenchOptions,
  versions: Readonly<Record<string, string>>,
): Promise<void> {
  const facts = {
    at: new Date().toISOString(),
    quick: options.quick,
    machine: machineFacts(),
    versions: { ...versions, client: clientVersion(), node: process.version },
  };
  process.stdout.write(
    `\n${engines.map((engine) => `${engine.name} ${versions[engine.name]}`).join(', ')}; docker client ${facts.versions.client}\n`,
  );
  process.stdout.write(
    `${facts.machine.cpus} x ${facts.machine.cpu}, Linux ${facts.machine.kernel}, load ${facts.machine.load.join(' ')}\n\n`,
  );
  process.stdout.write(`${table(results, options.engines)}\n`);
  const keep = (profiles: readonly Profile[]): void => {
    if (options.jsonPath === undefined) return;
    mkdirSync(dirname(options.jsonPath), { recursive: true });
    writeFileSync(options.jsonPath, asJson(results, { ...facts, profiles }));
  };
  keep([]); // profiles may fail: an engine may have ended
  const short = results.filter((result) => result.met === false);
  const shortOf = (prefix: string): boolean => options.profile || short.some(({ row }) => row.name.startsWith(prefix));
  const profiles: Profile[] = [];
  if (shortOf('run')) profiles.push(await profileRun(engines, options.quick ? 3 : 7));
  if (shortOf('network')) profiles.push(await profileNetworks(engines, options.quick ? 3 : 7));
  for (const profile of profiles) process.stdout.write(`\n${profileTable(profile)}\n`);
  const causeway = engines.find(({ name }) => name === 'causeway');
  if (causeway && shortOf('memory')) process.stdout.write(`\n${memoryTable(causeway)}\n`);
  if (short.length > 0)
    process.stdout.write(`\n${short.length} short of the goal: ${short.map(({ row }) => row.name).join(', ')}\n`);
  if (options.docPath !== undefined) {
    const names = engines.map(({ name }) => `${name} ${versions[name]}`).join(', ');
    const { cpu, cpus: count, kernel, load } = facts.machine;
    const text = `${facts.at.slice(0, 10)}: ${names}; ${count} x ${cpu}, Linux ${kernel}, Node ${process.version}, load ${load.join(' ')}.`;
    const page = readFileSync(options.docPath, 'utf8');
    writeFileSync(options.docPath, inPage(page, results, options.engines, text));
  }
  keep(profiles);
}

function machineFacts(): {
  cpu: string;
  cpus: number;
  memoryMb: number;
  kernel: string;
  system: string;
  load: string[];
} {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    memoryMb: Math.round(totalmem() / 1e6),
    kernel: release(),
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown',
    load: loadavg().map((value) => value.toFixed(1)),
  };
}

function clientVersion(): string {
  return /version ([^,\s]+)/.exec(execFileSync('docker', ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
}

const code = await main();
process.exitCode = interruptedBy ? 128 + constants.signals[interruptedBy] : code;
