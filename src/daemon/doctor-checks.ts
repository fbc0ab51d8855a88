/** The checks of `causeway doctor`. None changes anything outside of a namespace of its own. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorMessage } from '../base/errors.ts';
import { cgroupMode, hasControllersOnUnified } from '../kernel/cgroup.ts';
import { RouteSocket } from '../kernel/netlink/route-socket.ts';
import { createNetns, deleteNetns } from '../kernel/netns.ts';
import { RulesetContext } from '../kernel/nftables/ruleset.ts';
import { RulesetReader } from '../kernel/nftables/ruleset-reader.ts';
import { strangerWarnings, unmarkedWarnings } from '../network/firewall/dropped-strangers.ts';
import { openVersions } from '../network/host/lost-table.ts';
import { FORWARDING } from '../network/host/host-facts.ts';
import { hasMark } from '../network/interfaces/own-mark.ts';
import {
  foreignDrops,
  markWarning,
  sentenceOf,
  type ForeignDrop,
  type ProbedNetwork,
} from '../network/firewall/others/foreign-chains.ts';
import { readLegacyTables } from '../network/firewall/others/foreign-filters.ts';
import { withUplinks } from '../network/firewall/others/foreign-drops.ts';
import { chooseDefaultBridge, DOCKER_BRIDGE, isBridgeNotice } from '../network/host/default-bridge.ts';
import { silentLog } from '../base/log.ts';
import { Runtime } from '../oci/runtime.ts';
import { isAboutHybridCgroups } from '../oci/runtime-errors.ts';
import { examineConfig } from './config-check.ts';
import type { DaemonConfig } from './daemon-config.ts';
import { networkIsManaged } from './instance-lock.ts';
import { dockerInstalled } from './docker-installed.ts';
import type { Finding } from './finding.ts';
import { findProgram, flagOf, osRelease } from './host-facts.ts';
import { examineRootMount } from './host-mounts.ts';
import { askDaemon, type RunningDaemon } from './running-daemon.ts';
import { runtimeTable } from './runtime-choice.ts';
import { examineState, stateDirectory } from './state-report.ts';
import { examineDirectory } from './unwritable.ts';

export async function examineHost(config: DaemonConfig): Promise<Finding[]> {
  const root = process.getuid?.() === 0;
  const findings: Finding[] = [
    { level: 'ok', subject: 'system', text: `${osRelease().name}, Linux ${release()}, Node ${process.version}` },
    root
      ? { level: 'ok', subject: 'privileges', text: 'root' }
      : { level: 'fail', subject: 'privileges', text: 'not root', advice: 'run as root: sudo causeway doctor' },
    ...programs(),
    cgroups(),
    ...(await attempted('runtime', () => runtimes(config, root))),
    forwarding(),
    bridgeFilter(),
    openFiles(),
    examineRootMount(),
    examineDirectory('--data-root', config.dataRoot, 1000),
    examineDirectory('--exec-root', config.execRoot, 16),
    ...configuration(config),
    ...examineState(config.dataRoot),
  ];
  const daemon = await askDaemon(config.hosts);
  const bridge = daemon ? bridgeOf(daemon) : defaultBridge(config);
  findings.push(...bridge.findings);
  if (root)
    findings.push(
      ...(await attempted('kernel', async () => kernelFeatures())),
      ...(await attempted(
        'other firewalls',
        () => otherFirewalls(config, bridge.name),
        'apt-get install --reinstall libnftables1; nft list ruleset says what cannot be read',
      )),
    );
  if (daemon) findings.push(...unsaid(daemon, findings));
  else if (root) findings.push(...strangers(config));
  return findings;
}

/**
 * A check that cannot be made (it needs a directory of its own, or a library) says so and keeps no other from being
 * made.
 */
async function attempted(
  subject: string,
  check: () => Promise<Finding[]>,
  advice = `make room in ${tmpdir()}, or set TMPDIR to a directory that can be written to`,
): Promise<Finding[]> {
  try {
    return await check();
  } catch (error) {
    return [{ level: 'fail', subject, text: `cannot be checked: ${errorMessage(error)}`, advice }];
  }
}

function configuration(config: DaemonConfig): Finding[] {
  const { problems, notes } = examineConfig(config);
  return [
    ...problems.map((text): Finding => ({ level: 'fail', subject: 'configuration', text })),
    ...notes.map((text): Finding => ({ level: 'note', subject: 'configuration', text })),
  ];
}

function bridgeOf({ bridge, warnings }: RunningDaemon): { name: string; findings: Finding[] } {
  const subject = 'default bridge';
  const notice = warnings.find(isBridgeNotice);
  if (bridge === '') return { name: DOCKER_BRIDGE, findings: [] };
  return {
    name: bridge,
    findings: [
      notice === undefined
        ? { level: 'ok', subject, text: `${bridge} (of the daemon that runs)` }
        : { level: 'note', subject, text: notice },
    ],
  };
}

/** What only the daemon knows, such as which containers are to be restarted. */
function unsaid({ warnings }: RunningDaemon, findings: readonly Finding[]): Finding[] {
  return warnings
    .map((text) => text.replace(/^WARNING: /, ''))
    .filter((text) => !findings.some((finding) => finding.text.length > 20 && text.startsWith(finding.text)))
    .map((text) => ({ level: 'warn', subject: 'daemon', text }));
}

/** What the bridge of the default network will be called, and why, if that is not as usual. */
function defaultBridge(config: DaemonConfig): { name: string; findings: Finding[] } {
  if (config.bridgeName === 'none') return { name: DOCKER_BRIDGE, findings: [] };
  const route = RouteSocket.open();
  try {
    const { name, notice } = chooseDefaultBridge({ ...config, dockerInstalled: dockerInstalled() }, route.links());
    return {
      name,
      findings: [
        notice === ''
          ? { level: 'ok', subject: 'default bridge', text: name }
          : { level: 'note', subject: 'default bridge', text: notice },
      ],
    };
  } catch (error) {
    return {
      name: config.bridgeName || DOCKER_BRIDGE,
      findings: [{ level: 'fail', subject: 'default bridge', text: errorMessage(error) }],
    };
  } finally {
    route.close();
  }
}

function programs(): Finding[] {
  const wanted: [string, string, Finding['level']][] = [
    ['conmon', 'conmon', 'fail'],
    ['tar', 'tar', 'fail'],
    ['unshare', 'util-linux', 'fail'],
    ['setpriv', 'util-linux', 'fail'],
    ['zstd', 'zstd', 'warn'],
    ['tini-static', 'tini', 'note'],
  ];
  return wanted.map(([program, packageName, level]) => {
    const path = findProgram(program);
    return path === undefined
      ? { level, subject: program, text: 'not installed', advice: `apt-get install ${packageName}` }
      : { level: 'ok', subject: program, text: path };
  });
}

function cgroups(): Finding {
  const mode = cgroupMode();
  if (mode === 'hybrid' && hasControllersOnUnified()) {
    return {
      level: 'note',
      subject: 'cgroups',
      text: 'hybrid, with a controller on the v2 side: the daemon leaves that mount out of its own namespace, so that crun works',
    };
  }
  return { level: 'ok', subject: 'cgroups', text: mode };
}

async function runtimes(config: DaemonConfig, root: boolean): Promise<Finding[]> {
  const table = runtimeTable(config.runtimes);
  if (Object.keys(table).length === 0)
    return [
      { level: 'fail', subject: 'runtime', text: 'neither crun nor runc is installed', advice: 'apt-get install crun' },
    ];
  const stateDir = mkdtempSync(join(tmpdir(), 'causeway-doctor-'));
  const runtime = new Runtime({
    runtimes: table,
    defaultRuntime: Object.keys(table)[0]!,
    conmonPath: findProgram('conmon') ?? 'conmon',
    stateDir,
    log: silentLog,
  });
  try {
    const { runtimes: found } = await runtime.version();
    const findings: Finding[] = [];
    for (const [name, { path, version }] of Object.entries(found)) {
      const subject = `runtime ${name}`;
      if (!root) {
        // It would make a container.
        findings.push({
          level: 'note',
          subject,
          text: `${path}, ${version}: whether it works is not known`,
          advice: 'run as root: sudo causeway doctor',
        });
        continue;
      }
      const problem = await runtime.probe(name);
      if (problem === undefined) findings.push({ level: 'ok', subject, text: `${path}, ${version}` });
      // The daemon works in a mount namespace without the mount that crun complains of.
      else if (isAboutHybridCgroups(problem))
        findings.push({
          level: 'note',
          subject,
          text: `${path}: works in the daemon's own mount namespace, not in this one (${problem.trim()})`,
        });
      else
        findings.push({
          level: 'warn',
          subject,
          text: `${path}: ${problem.trim()}`,
          advice: `apt-get install --reinstall ${name}`,
        });
    }
    return findings;
  } finally {
    runtime.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

function forwarding(): Finding {
  return flagOf('/proc/sys/net/ipv4/ip_forward')
    ? { level: 'ok', subject: 'net.ipv4.ip_forward', text: '1' }
    : { level: 'note', subject: 'net.ipv4.ip_forward', text: '0: the daemon turns it on unless --ip-forward=false' };
}

function bridgeFilter(): Finding {
  const path = '/proc/sys/net/bridge/bridge-nf-call-iptables';
  if (!existsSync(path))
    return {
      level: 'ok',
      subject: 'bridge-nf-call-iptables',
      text: 'not loaded: traffic inside a bridge does not pass the IP firewall',
    };
  const on = flagOf(path);
  return {
    level: on ? 'note' : 'ok',
    subject: 'bridge-nf-call-iptables',
    text: on ? "1: traffic inside a bridge passes the IP firewall too, others' rules included" : '0',
  };
}

/** A published port takes two descriptors, one a version of IP; Node raises its limit to what is allowed. */
function openFiles(): Finding {
  const allowed = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '';
  const subject = 'open files';
  if (allowed === 'unlimited' || Number(allowed) >= 8192) return { level: 'ok', subject, text: `${allowed} allowed` };
  return {
    level: 'note',
    subject,
    text: `${allowed} allowed: enough for ${Math.max(0, Math.floor((Number(allowed) - 200) / 2))} published ports`,
    advice: 'raise the limit of the daemon (ulimit -n, LimitNOFILE= of its unit)',
  };
}

/** Tries each kind of link, nftables and overlay, in a network namespace made for it. */
function kernelFeatures(): Finding[] {
  const dir = mkdtempSync(join(tmpdir(), 'causeway-doctor-'));
  const netns = join(dir, 'netns');
  const attempt = (subject: string, level: Finding['level'], advice: string, work: () => void): Finding => {
    try {
      work();
      return { level: 'ok', subject, text: 'works' };
    } catch (error) {
      return { level, subject, text: errorMessage(error), advice };
    }
  };
  try {
    const namespace = attempt('network namespaces', 'fail', 'the kernel needs CONFIG_NET_NS', () => createNetns(netns));
    if (namespace.level !== 'ok') return [namespace];
    const socket = RouteSocket.open(netns);
    try {
      return [
        namespace,
        attempt('bridge', 'fail', 'modprobe bridge', () => socket.addBridge('cwd0')),
        attempt('veth', 'fail', 'modprobe veth', () => socket.addVeth({ name: 'cwd1', peerName: 'cwd2' })),
        attempt('macvlan', 'note', 'modprobe macvlan; only networks of the driver macvlan need it', () =>
          socket.addMacvlan({ name: 'cwd3', parent: 'cwd1', mode: 'bridge' }),
        ),
        attempt('ipvlan', 'note', 'modprobe ipvlan; only networks of the driver ipvlan need it', () =>
          socket.addIpvlan({ name: 'cwd4', parent: 'cwd2', mode: 'l2' }),
        ),
        attempt('nftables', 'fail', 'apt-get install libnftables1; modprobe nf_tables', () => {
          const context = RulesetContext.open(netns);
          try {
            context.run(
              'add table inet causeway_doctor\nadd chain inet causeway_doctor nat { type nat hook prerouting priority -100; }',
            );
          } finally {
            context.close();
          }
        }),
        overlay(),
      ];
    } finally {
      socket.close();
    }
  } finally {
    deleteNetns(netns);
    rmSync(dir, { recursive: true, force: true });
  }
}

function overlay(): Finding {
  const there = readFileSync('/proc/filesystems', 'utf8').includes('overlay');
  return there
    ? { level: 'ok', subject: 'overlayfs', text: 'works' }
    : { level: 'warn', subject: 'overlayfs', text: 'not loaded', advice: 'modprobe overlay' };
}

/** What other firewalls drop of the networks that there are, or of the default one that there will be. */
async function otherFirewalls(config: DaemonConfig, bridge: string): Promise<Finding[]> {
  const context = RulesetContext.open();
  const reader = RulesetReader.open();
  const route = RouteSocket.open();
  const subject = 'other firewalls';
  try {
    // A running one may have another configuration than the doctor; one that has ended makes way when it starts.
    const running = networkIsManaged();
    const marked = running ? hasWay(context) : config.firewallIntegration;
    const { drops, unknown, markUsers } = await foreignDrops(reader, networksOf(route, bridge), {
      marked,
      legacy: await readLegacyTables(),
    });
    const way: Finding = {
      level: 'ok',
      subject: 'firewall integration',
      text: `${marked ? 'on' : 'off'}${running ? '' : ' (with these options)'}: ${marked ? 'way is made in ufw, firewalld and iptables for what passes our own rules' : 'rules of other firewalls decide about containers too'}`,
    };
    const others: Finding[] = [...unknown, ...(marked ? markUsers.map(markWarning) : [])].map((text) => ({
      level: 'warn',
      subject,
      text,
    }));
    if (drops.length === 0)
      return others.length > 0
        ? [way, ...others]
        : [way, { level: 'ok', subject, text: 'none drops traffic of containers' }];
    return [
      way,
      ...others,
      ...drops.map((drop): Finding => {
        if (!running && willMakeWay(config, drop))
          return { level: 'note', subject, text: `${sentenceOf(drop)}: the daemon makes way for them when it starts` };
        return { level: 'warn', subject, text: sentenceOf(drop), advice: drop.advice };
      }),
    ];
  } finally {
    route.close();
    reader.close();
    context.close();
  }
}

/** Of what is dropped in chains of both families only one may get its way. */
function willMakeWay({ firewallIntegration, ip6tablesWay }: DaemonConfig, { program, chains }: ForeignDrop): boolean {
  if (!firewallIntegration || program === 'nftables') return false;
  return ip6tablesWay || program === 'firewalld' || !chains.some((chain) => chain.startsWith('ip6 '));
}

/** What a table that outlives its daemon does to others, and what its loss does; a running daemon reports it itself. */
function strangers({ dataRoot }: DaemonConfig): Finding[] {
  let context: RulesetContext | undefined;
  try {
    context = RulesetContext.open();
    const counted = [...strangerWarnings(context), ...unmarkedWarnings(context)].map((text): Finding => ({
      level: 'warn',
      subject: 'forwarding',
      text,
    }));
    return [...openVersions(context, stateDirectory(dataRoot)).map(openFinding), ...counted];
  } catch {
    return []; // that nftables cannot be asked is reported by the checks of the kernel
  } finally {
    context?.close();
  }
}

function openFinding(version: 4 | 6): Finding {
  const text = `this host forwards IPv${version} between all of its interfaces: a daemon turned that on for its containers, and its rules that close it to others were deleted (nft flush ruleset, or a reload of nftables.service) while none runs`;
  return {
    level: 'warn',
    subject: 'forwarding',
    text,
    advice: `start the daemon, which writes its rules again; or, where no containers are to go on: sysctl -w ${FORWARDING[version]}=0`,
  };
}

/** Whether a daemon's table is there that marks what passes. */
function hasWay(context: RulesetContext): boolean {
  return String(context.list('list chains inet')).includes('chain way-begin {');
}

function networksOf(route: RouteSocket, bridge: string): ProbedNetwork[] {
  const addresses = route.addresses();
  const of = (index: number, version: number) =>
    addresses.find(
      (info) => info.linkIndex === index && info.scope === 'global' && info.address.includes(':') === (version === 6),
    )?.address ?? '';
  const bridges = route.links().filter((link) => link.kind === 'bridge' && (link.name === bridge || hasMark(link)));
  if (bridges.length === 0) return withUplinks([{ bridge, ipv4: '172.17.0.1', ipv6: '', translated: true }], route);
  return withUplinks(
    bridges.map(({ name, index }) => ({ bridge: name, ipv4: of(index, 4), ipv6: of(index, 6), translated: true })),
    route,
  );
}
