/**
 * What the walk-throughs must show, as plain questions to the text that a command printed. The demo asks them on its
 * stage, the end-to-end tests of each client ask the same ones.
 */
export interface Expectation {
  readonly what: string;
  readonly holds: boolean;
  readonly seen: string;
}

export const expectation = (what: string, holds: boolean, seen: string): Expectation => ({
  what,
  holds,
  seen: seen.trim(),
});

export const isFullId = (text: string): boolean => /^[0-9a-f]{64}$/.test(text.trim());

/** The variables that a link brings: the source's address, port and protocol, and its own environment. */
export function linkVariables(
  environment: string,
  link: {
    alias: string;
    recipient: string;
    address: string;
    port: number;
    sourceEnvironment: Readonly<Record<string, string>>;
  },
): Expectation[] {
  const { alias, recipient, address, port } = link;
  const prefix = alias.toUpperCase().replaceAll('-', '_');
  const url = `tcp://${address}:${port}`;
  const expected: Record<string, string> = {
    [`${prefix}_NAME`]: `/${recipient}/${alias}`,
    [`${prefix}_PORT`]: url,
    [`${prefix}_PORT_${port}_TCP`]: url,
    [`${prefix}_PORT_${port}_TCP_PROTO`]: 'tcp',
    [`${prefix}_PORT_${port}_TCP_PORT`]: String(port),
    [`${prefix}_PORT_${port}_TCP_ADDR`]: address,
    ...Object.fromEntries(
      Object.entries(link.sourceEnvironment).map(([name, value]) => [`${prefix}_ENV_${name}`, value]),
    ),
  };
  const lines = environment.split('\n').map((line) => line.trim());
  return Object.entries(expected).map(([name, value]) => {
    const seen = lines.find((line) => line.startsWith(`${name}=`)) ?? `no ${name}`;
    return expectation(`${name}=${value}`, seen === `${name}=${value}`, seen);
  });
}

/** A line of /etc/hosts that gives `address` the name `name`. */
export function hostsLine(hosts: string, address: string, name: string): Expectation {
  const named = hosts.split('\n').filter((line) => line.split(/\s+/).slice(1).includes(name));
  const holds = named.length === 1 && named[0]?.split(/\s+/)[0] === address;
  return expectation(`/etc/hosts says that ${name} is ${address}`, holds, named.join('\n') || hosts);
}

export function pingAnswered(output: string, count: number, what: string): Expectation {
  const received = Number(/(\d+)(?: packets)? received/.exec(output)?.[1] ?? -1);
  return expectation(what, received === count, output);
}

/** No answer came: not one packet, or the kernel refused at once. */
export function pingUnanswered(code: number, output: string, what: string): Expectation {
  return expectation(what, code !== 0 && /\b0(?: packets)? received/.test(output), output);
}

export function nameUnknown(code: number, output: string, name: string, who: string): Expectation {
  const unknown = /not known|bad address|failure in name resolution|No address associated|not resolve/i.test(output);
  return expectation(`${who} does not even know the name ${name}`, code !== 0 && unknown, output);
}

/** The embedded DNS at 127.0.0.11 gave this address for this name. */
export function nameAnswered(lookup: string, name: string, address: string): Expectation[] {
  return [
    expectation(
      'the answer comes from the embedded DNS at 127.0.0.11',
      /Server:\s+127\.0\.0\.11\b/.test(lookup),
      lookup,
    ),
    expectation(
      `${name} is ${address}`,
      new RegExp(`Name:\\s+${name}\\s+Address: ${address.replaceAll('.', '\\.')}(\\s|$)`).test(lookup),
      lookup,
    ),
  ];
}

export function resolverConfigured(resolvConf: string): Expectation[] {
  const lines = resolvConf.split('\n').map((line) => line.trim());
  const servers = lines.filter((line) => line.startsWith('nameserver '));
  return [
    expectation(
      'the only name server is 127.0.0.11',
      servers.length === 1 && servers[0] === 'nameserver 127.0.0.11',
      resolvConf,
    ),
    expectation(
      'names without dots are asked for as they are (ndots:0)',
      lines.some((line) => /^options .*ndots:0/.test(line)),
      resolvConf,
    ),
  ];
}

/** The page that the web application makes from a row of the real PostgreSQL behind the link. */
export function pageFromDatabase(page: string, databaseAddress: string): Expectation[] {
  const row = /PostgreSQL (\S+).* at (\S+) says: (\d+) databases/.exec(page);
  return [
    expectation("the page is the application's", page.includes('Hello world!'), page),
    expectation(
      `it holds a row that PostgreSQL at ${databaseAddress} gave`,
      row?.[2] === databaseAddress && Number(row[3]) > 0,
      page,
    ),
  ];
}

export const welcomePage = (page: string, what: string): Expectation =>
  expectation(what, page.includes('Welcome to nginx!'), page);
