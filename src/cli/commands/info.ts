/** `info` */
import type { Call, Command } from '../command/command.ts';
import { inspectFormat } from '../command/common-flags.ts';
import { COMMIT, VERSION } from '../command/program-name.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { binarySize } from '../format/size.ts';
import { Template, TemplateError } from '../../base/template/template.ts';
import { complain, print, printShown, shown } from '../terminal/output.ts';

export const infoCommand: Command = {
  use: 'info [OPTIONS]',
  short: 'Display system-wide information',
  aliases: ['system info', 'info'],
  args: [0, 0],
  flags: [inspectFormat],
  run,
};

type Info = Readonly<Record<string, unknown>>;

async function run({ flags, client, debug }: Call): Promise<void> {
  const format = flags.string('format');
  let template: Template | undefined;
  try {
    template = format === '' ? undefined : new Template(format === 'json' ? '{{json .}}' : format);
  } catch (error) {
    throw new StatusError(`template parsing error: ${errorText(error)}`, 64);
  }
  const ClientInfo = {
    Debug: debug,
    Version: VERSION,
    GitCommit: COMMIT,
    Context: 'default',
    Plugins: [],
    Warnings: null,
  };
  if (!template) print(`Client:\n Version:    ${VERSION}\n Context:    default\n Debug Mode: ${debug}\n\nServer:\n`);
  const info = await client.json<Info>('GET', '/info');
  if (!template) {
    print(serverText(info));
    for (const warning of list<string>(info['Warnings'])) complain(warning);
    return;
  }
  try {
    printShown(`${template.execute({ ...info, ClientInfo }, { missingKeyFails: true, show: shown })}\n`);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new StatusError(error.message);
  }
}

const list = <T>(value: unknown): readonly T[] => (Array.isArray(value) ? (value as T[]) : []);
const object = (value: unknown): Info => (typeof value === 'object' && value !== null ? (value as Info) : {});

function serverText(info: Info): string {
  const lines: string[] = [];
  const always = (label: string, value: unknown) =>
    lines.push(`${label} ${value === undefined || value === null ? '' : String(value as string)}`);
  const ifKnown = (label: string, value: unknown) => {
    if (value) always(label, value);
  };
  always(' Containers:', info['Containers'] ?? 0);
  always('  Running:', info['ContainersRunning'] ?? 0);
  always('  Paused:', info['ContainersPaused'] ?? 0);
  always('  Stopped:', info['ContainersStopped'] ?? 0);
  always(' Images:', info['Images'] ?? 0);
  ifKnown(' Server Version:', info['ServerVersion']);
  ifKnown(' Storage Driver:', info['Driver']);
  for (const [key = '', value = ''] of list<string[]>(info['DriverStatus'])) lines.push(`  ${key}: ${value}`);
  ifKnown(' Logging Driver:', info['LoggingDriver']);
  ifKnown(' Cgroup Driver:', info['CgroupDriver']);
  ifKnown(' Cgroup Version:', info['CgroupVersion']);
  const plugins = object(info['Plugins']);
  lines.push(' Plugins:');
  always('  Volume:', list<string>(plugins['Volume']).join(' '));
  always('  Network:', list<string>(plugins['Network']).join(' '));
  if (list(plugins['Authorization']).length > 0)
    always('  Authorization:', list<string>(plugins['Authorization']).join(' '));
  always('  Log:', list<string>(plugins['Log']).join(' '));
  section(lines, ' CDI spec directories:', list<string>(info['CDISpecDirs']));
  const devices = list<Record<string, unknown>>(info['DiscoveredDevices']);
  section(
    lines,
    ' Discovered Devices:',
    devices.map(({ Source, ID }) => `${String(Source)}: ${String(ID)}`),
  );
  always(' Swarm:', object(info['Swarm'])['LocalNodeState']);
  const runtimes = Object.keys(object(info['Runtimes']));
  if (runtimes.length > 0) {
    always(' Runtimes:', runtimes.join(' '));
    always(' Default Runtime:', info['DefaultRuntime']);
  }
  if (info['OSType'] === 'linux') {
    always(' Init Binary:', info['InitBinary']);
    always(' containerd version:', object(info['ContainerdCommit'])['ID']);
    always(' runc version:', object(info['RuncCommit'])['ID']);
    always(' init version:', object(info['InitCommit'])['ID']);
    lines.push(...securityLines(list<string>(info['SecurityOptions'])));
  }
  ifKnown(' Kernel Version:', info['KernelVersion']);
  ifKnown(' Operating System:', info['OperatingSystem']);
  ifKnown(' OSType:', info['OSType']);
  ifKnown(' Architecture:', info['Architecture']);
  always(' CPUs:', info['NCPU'] ?? 0);
  always(' Total Memory:', binarySize(Number(info['MemTotal'] ?? 0)));
  ifKnown(' Name:', info['Name']);
  ifKnown(' ID:', info['ID']);
  always(' Docker Root Dir:', info['DockerRootDir']);
  always(' Debug Mode:', info['Debug'] ?? false);
  if (info['Debug'] === true) {
    always('  File Descriptors:', info['NFd']);
    always('  Goroutines:', info['NGoroutines']);
    always('  System Time:', info['SystemTime']);
    always('  EventsListeners:', info['NEventsListener']);
  }
  ifKnown(' HTTP Proxy:', info['HttpProxy']);
  ifKnown(' HTTPS Proxy:', info['HttpsProxy']);
  ifKnown(' No Proxy:', info['NoProxy']);
  section(lines, ' Labels:', list<string>(info['Labels']));
  always(' Experimental:', info['ExperimentalBuild'] ?? false);
  lines.push(...registryLines(object(info['RegistryConfig'])));
  always(' Live Restore Enabled:', info['LiveRestoreEnabled'] ?? false);
  ifKnown(' Product License:', info['ProductLicense']);
  section(
    lines,
    ' Default Address Pools:',
    list<Info>(info['DefaultAddressPools']).map(
      (pool) => ` Base: ${String(pool['Base'] as string)}, Size: ${String(pool['Size'] as number)}`,
    ),
  );
  const firewall = object(info['FirewallBackend']);
  if (firewall['Driver']) {
    always(' Firewall Backend:', firewall['Driver']);
    for (const [key = '', value = ''] of list<string[]>(firewall['Info'])) lines.push(`  ${key}: ${value}`);
  }
  return `${lines.join('\n')}\n\n`;
}

function section(lines: string[], title: string, items: readonly string[]): void {
  if (items.length > 0) lines.push(title, ...items.map((item) => `  ${item}`));
}

/** "name=seccomp,profile=builtin" */
function securityLines(options: readonly string[]): string[] {
  if (options.length === 0) return [];
  return [
    ' Security Options:',
    ...options.flatMap((option) => {
      const fields = Object.fromEntries(option.split(',').map((field) => field.split('=')));
      const name = (fields['name'] as string | undefined) ?? option;
      const profile = fields['profile'] as string | undefined;
      return [`  ${name}`, ...(profile === undefined ? [] : [`   Profile: ${profile}`])];
    }),
  ];
}

function registryLines(config: Info): string[] {
  const lines: string[] = [];
  const indexes = Object.values(object(config['IndexConfigs'])).map(object);
  const cidrs = list<string>(config['InsecureRegistryCIDRs']);
  if (cidrs.length > 0 || indexes.length > 0) {
    lines.push(' Insecure Registries:');
    for (const index of indexes) if (index['Secure'] === false) lines.push(`  ${String(index['Name'] as string)}`);
    for (const cidr of cidrs) lines.push(`  ${cidr}`);
  }
  section(lines, ' Registry Mirrors:', list<string>(config['Mirrors']));
  return lines;
}
