/** docs/security.md, from what was recorded of dockerd, the listed differences and the classes of holes. */
import { HOLES } from './cves.ts';
import { DIFFERENCES } from './differences.ts';
import { decisions, recorded, theirFacts } from './oracle.ts';
import { SYSCALLS } from './probe/collect.ts';
import { VARIANTS } from './probe/variants.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|') || '-';

/** dockerd's value and ours: the same, or what differences.ts says. */
function here(variant: string, fact: string, theirs: string): string {
  const listed = DIFFERENCES.find((one) => one.facts.test(fact) && (one.variants?.test(variant) ?? true));
  return listed === undefined ? cell(theirs) : `${cell(listed.shown)} [^${DIFFERENCES.indexOf(listed) + 1}]`;
}

function factTable(prefix: RegExp, title: string): string {
  const facts = theirFacts['docker run']!;
  const rows = Object.keys(facts)
    .filter((fact) => prefix.test(fact))
    .map(
      (fact) =>
        `| ${cell(fact.replace(prefix, ''))} | ${cell(facts[fact]!)} | ${here('docker run', fact, facts[fact]!)} |`,
    );
  return `| ${title} | dockerd 28.5.2 | here |\n|---|---|---|\n${rows.join('\n')}\n`;
}

function variantTable(): string {
  const base = theirFacts['docker run']!;
  const shown =
    /^(status (Cap|NoNewPrivs|Seccomp$)|limit |cgroup |path |mount (\/proc|\/sys|\/dev\/shm|\/$)|mount a tmpfs|user namespace|chroot|device )/;
  const rows = Object.keys(VARIANTS)
    .slice(1)
    .flatMap((variant) => {
      const facts = theirFacts[variant]!;
      const changed = Object.keys({ ...base, ...facts }).filter(
        (fact) => shown.test(fact) && !fact.startsWith('mount /sys/fs/cgroup/') && base[fact] !== facts[fact],
      );
      return changed.map(
        (fact) =>
          `| \`${variant}\` | ${cell(fact)} | ${cell(facts[fact] ?? 'gone')} | ${facts[fact] === undefined ? 'gone' : here(variant, fact, facts[fact])} |`,
      );
    });
  return `| with | what | dockerd 28.5.2 | here |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

function callTable(): string {
  const verdicts = decisions(recorded.specs['docker run']!.seccomp);
  const named = Object.keys(SYSCALLS);
  const allowed = named.filter((name) => verdicts[name] === 'allowed');
  const conditional = named.filter((name) => verdicts[name] !== undefined && verdicts[name] !== 'allowed');
  const blocked = named.filter((name) => verdicts[name] === undefined);
  const rows = conditional.map(
    (name) =>
      `| ${name} | ${cell(verdicts[name]!)} | ${name === 'socket' ? "not AF_ALG either: the kernel's crypto, which Docker blocks from 29 on" : 'the same'} |`,
  );
  return `**Allowed, here and there** (${allowed.length}): ${allowed.join(' ')}

**Fail with EPERM, here and there** (${blocked.length}): ${blocked.join(' ')}

| depends | dockerd 28.5.2 | here |
|---|---|---|
${rows.join('\n')}

Calls that are newer than the newest one that libseccomp and the profile know fail with ENOSYS on both sides. 32-bit programs and x32 have the same filter.
With \`--cap-add\` the profile opens what Docker's opens: the test compares it for SYS_ADMIN, for ALL and for none.
`;
}

export function renderPage(): string {
  const notes = DIFFERENCES.map(({ why }, index) => `[^${index + 1}]: ${why}.`).join('\n');
  const holes = HOLES.map(
    ({ cves, what, here: state, tests }) =>
      `| ${cves
        .split(', ')
        .map((cve) => `CVE-${cve}`)
        .join(
          ', ',
        )} | ${cell(what)} | ${cell(state)} | ${tests.map((name) => `\`${name.split(': ')[0]}\`${name.split(': ')[1] ? `: ${name.split(': ')[1]}` : ''}`).join('; ') || '-'} |`,
  );
  return `# Security

What confines a container, beside what dockerd 28.5.2 gives one, and which holes of other engines are tried here. Written by tests
(\`test/security\`; \`UPDATE_GOLDEN=1\` writes it anew): our side is tried in real containers at each run, dockerd's was recorded by
\`test/security/record.ts\` (crun and runc of Debian 12, cgroup v1, no AppArmor), and a difference without a reason fails the test.

Who may use the API is root on the host, as with Docker: a container that is started with \`--privileged\`, \`-v /:/host\` or \`--pid host\` is not confined. What follows is
about images, containers and registries, which are never trusted.

- Annotations that steer the OCI runtime (\`run.oci.*\`, \`krun.*\`, \`org.criu.*\`, \`org.systemd.*\`, \`io.kubernetes.cri*\`, \`module.wasm.*\`) are refused at create and left out for
  older records. Docker hands them on.
- The seccomp filter is compiled by the engine, of its own profile only. A profile that is asked for holds with \`--privileged\`, as in Docker.
- \`exec --privileged\` adds capabilities; no-new-privileges, AppArmor and the filter stay.
- What the runtime has mounted is looked at before the container's first instruction, and refused if /proc is not procfs, if something else is mounted in it, or if a masked
  path is not covered by the true /dev/null.
- The engine's processes live in a mount namespace in which nobody can change the null device: crun gives a container's standard input to its user, and under a
  plain crun that is the host's /dev/null.
- **AppArmor**: dockerd loads a profile of its own (docker-default) where the kernel has AppArmor. Here a profile is used where \`--security-opt apparmor=NAME\` names one; none is loaded.
  Where the host has no AppArmor the profile is discarded, as with dockerd, and \`create\` warns of it.
  This is weaker on such hosts.

## A container by default

### Process

${factTable(/^(status |(?=oom|core|working|session|parent|variables))/, 'process')}
### Limits and control groups

${factTable(/^(limit |(?=cgroup ))/, 'limit')}
### Namespaces

${factTable(/^namespace /, 'namespace')}
### Mounts

Flags, file system, propagation. The cgroup hierarchies are read-only, nosuid, nodev and noexec on both sides.

${factTable(/^mount (?=\/(?!sys\/fs\/cgroup\/))/, 'at')}
### Devices

What stands in /dev:

${factTable(/^node /, 'node')}
A node that the container makes by itself, and whether it can be opened ("not permitted": the control group refuses; anything else: it let it through, there is no such driver here):

${factTable(/^device /, 'device')}
### Paths of the kernel

${factTable(/^path /, 'path')}
${factTable(/^sysctl /, 'sysctl')}
### What it tries

${factTable(/^(?=raw socket|mount a tmpfs|chroot|set the host name|user namespace)/, 'attempt')}
## What options change

Only what is different from a container by default.

${variantTable()}
${notes}

## System calls

Each was tried in a container with and without the filter, with arguments that mean nothing and some that decide, by 64- and 32-bit doors: the filter's word is what happens.

${callTable()}
## Holes of other engines

${HOLES.reduce((sum, { cves }) => sum + cves.split(', ').length, 0)} CVEs of moby, runc, containerd, crun, conmon, podman, buildah and CRI-O in ${HOLES.length} classes. A test checks that each test that is named here exists.

| CVE | what | here | tried by |
|---|---|---|---|
${holes.join('\n')}

## What it is made of

Every package that is downloaded is pinned by its content (SHA-512 in package-lock.json) and none runs an install script ([licences.md](licences.md)); \`npm run sbom\` prints a CycloneDX list.
`;
}
