/**
 * Bans that administrators and fail2ban make, and whether they hold for published ports: what bans.test.ts finds with
 * the real programs, and docs/firewalls.md shows.
 */
const BANNED = '198.51.100.7';

export interface Ban {
  readonly words: string;
  /** For the client BANNED or the interface eth0, which a test has by other names. */
  readonly commands: readonly string[];
  readonly undo: readonly string[];
  readonly firewalld?: true;
  readonly holds: boolean;
}

const iptables = (rule: string): Pick<Ban, 'commands' | 'undo'> => ({
  commands: [`iptables ${rule}`],
  undo: [`iptables ${rule.replace(/-I (\S+)/, '-D $1')}`],
});
const inSet = (rule: string): Pick<Ban, 'commands' | 'undo'> => {
  const { commands, undo } = iptables(rule);
  return {
    commands: ['ipset create banned hash:ip', `ipset add banned ${BANNED}`, ...commands],
    undo: [...undo, 'ipset destroy banned'],
  };
};
const nft = (hook: string, rule: string): Pick<Ban, 'commands' | 'undo'> => ({
  commands: [
    `nft 'table inet f2b { set banned { type ipv4_addr; elements = { ${BANNED} }; }; chain f2b { type filter hook ${hook}; ip saddr @banned ${rule}; }; }'`,
  ],
  undo: ['nft delete table inet f2b'],
});
const RICH = `rule family="ipv4" source address="${BANNED}" port port="8080" protocol="tcp" reject`;

/** All of them hold with --respect-input-policy. */
export const BANS: readonly Ban[] = [
  {
    words: "an interface in firewalld's zone `drop`",
    firewalld: true,
    holds: false,
    commands: ['firewall-cmd --zone=drop --change-interface=eth0'],
    undo: ['firewall-cmd --zone=drop --remove-interface=eth0'],
  },
  {
    words: 'an interface in its zone `block`',
    firewalld: true,
    holds: false,
    commands: ['firewall-cmd --zone=block --change-interface=eth0'],
    undo: ['firewall-cmd --zone=block --remove-interface=eth0'],
  },
  {
    words: 'an address in its zone `drop` or `block`',
    firewalld: true,
    holds: false,
    commands: [`firewall-cmd --zone=drop --add-source=${BANNED}`],
    undo: [`firewall-cmd --zone=drop --remove-source=${BANNED}`],
  },
  {
    words: 'an ipset in its zone `drop`',
    firewalld: true,
    holds: false,
    commands: [
      'firewall-cmd --permanent --new-ipset=banned --type=hash:ip',
      'firewall-cmd --permanent --zone=drop --add-source=ipset:banned',
      'firewall-cmd --reload',
      `firewall-cmd --ipset=banned --add-entry=${BANNED}`,
    ],
    undo: [`firewall-cmd --ipset=banned --remove-entry=${BANNED}`],
  },
  {
    words: "a rich rule (fail2ban's `firewallcmd-rich-rules`)",
    firewalld: true,
    holds: false,
    commands: [`firewall-cmd --add-rich-rule='${RICH}'`],
    undo: [`firewall-cmd --remove-rich-rule='${RICH}'`],
  },
  {
    words: "iptables' INPUT (fail2ban's `iptables-*`; its `firewallcmd-ipset` likewise)",
    holds: false,
    ...inSet('-I INPUT -p tcp -m multiport --dports 8080 -m set --match-set banned src -j REJECT'),
  },
  {
    words: "an input chain of nftables (fail2ban's `nftables-*`)",
    holds: false,
    ...nft('input priority -1', 'reject'),
  },
  { words: "iptables' FORWARD, by address", holds: true, ...iptables(`-I FORWARD -s ${BANNED} -j DROP`) },
  { words: "iptables' FORWARD, by ipset", holds: true, ...inSet('-I FORWARD -m set --match-set banned src -j DROP') },
  {
    words: '`DOCKER-USER`, where that chain exists',
    holds: true,
    commands: ['iptables -N DOCKER-USER', `iptables -I DOCKER-USER -s ${BANNED} -j DROP`],
    undo: ['iptables -F', 'iptables -X'],
  },
  {
    words: "iptables' `raw`, by ipset",
    holds: true,
    ...inSet('-t raw -I PREROUTING -m set --match-set banned src -j DROP'),
  },
  { words: 'a chain of nftables before routing', holds: true, ...nft('prerouting priority -150', 'drop') },
  {
    words: 'the chain `user` of our table',
    holds: true,
    commands: [`nft 'insert rule inet causeway user ip saddr ${BANNED} drop'`],
    undo: ['nft flush chain inet causeway user'],
  },
];

export const asOnTestHost = (command: string, client: string, uplink: string): string =>
  command.replaceAll(BANNED, client).replaceAll('=eth0', `=${uplink}`);

export function banTable(): string {
  const rows = BANS.map(
    ({ words, commands, holds }) =>
      `| ${words}: ${commands.map((command) => `\`${command}\``).join(', ')} | ${holds ? 'yes' : '-'} | yes |\n`,
  );
  return `| a ban | by default | with \`--respect-input-policy\` |\n|---|---|---|\n${rows.join('')}`;
}
