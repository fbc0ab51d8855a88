/** Options of networks, names and the firewall. */
import { done, noEffect, type DaemonOption } from './option.ts';
import { judgeFirewallBackend } from './judgements.ts';

export const NETWORK_ROWS: readonly DaemonOption[] = [
  done('bridge', 'text', 'Existing bridge to use for the default network; none: no default network', {
    short: 'b',
    fallback: 'a bridge that the daemon creates',
  }),
  done('default-bridge-name', 'text', 'Name of the bridge that the daemon creates', {
    fallback: 'docker0, or causeway0 where Docker runs',
  }),
  done('bip', 'text', 'IPv4 address and prefix of the default bridge', {
    fallback: '172.17.0.1/16, or another subnet where the host has that one',
  }),
  done('fixed-cidr', 'text', 'IPv4 subnet to take container addresses of the default bridge from'),
  done('bip6', 'text', 'IPv6 address and prefix of the default bridge', { fallback: 'an unused subnet' }),
  done('fixed-cidr-v6', 'text', 'IPv6 subnet to take container addresses of the default bridge from'),
  done('default-gateway', 'text', 'IPv4 gateway of containers on the default bridge', { fallback: 'the bridge' }),
  done('default-gateway-v6', 'text', 'IPv6 gateway of containers on the default bridge', { fallback: 'the bridge' }),
  done(
    'default-network-opt',
    'network-options',
    'Options of networks that do not say otherwise (DRIVER=OPTION=VALUE)',
    { key: 'default-network-opts' },
  ),
  done('default-address-pool', 'pools', 'Default address pools for user networks (base=10.0.0.0/8,size=24)', {
    key: 'default-address-pools',
  }),
  done('dns', 'address-list', 'DNS server to use'),
  done('dns-search', 'list', 'DNS search domains to use'),
  done('dns-opt', 'list', 'DNS options to use', { key: 'dns-opts' }),
  done('dns-ttl', 'number', 'Seconds that answers of the embedded DNS may be kept', { fallback: '5' }),
  done('icc', 'switch', 'Let containers on the default bridge reach each other', { fallback: 'true' }),
  done('ipv6', 'switch', 'Enable IPv6 on the default bridge', { fallback: 'false' }),
  done('mtu', 'number', 'MTU of networks that do not set their own', { fallback: '1500' }),
  done('ip', 'text', 'Host IP for port publishing from the default bridge', { fallback: '0.0.0.0' }),
  done('ip-forward', 'switch', 'Turn on IP forwarding', { fallback: 'true' }),
  noEffect(
    'ip-forward-no-drop',
    'switch',
    'Leave the policy of the forward chain alone',
    'the policy of that chain is never changed',
  ),
  done('allow-direct-routing', 'switch', 'Let other hosts reach published ports at the addresses of containers', {
    fallback: 'false',
  }),
  done(
    'firewall-integration',
    'switch',
    'Make way for containers in other firewalls of this host: ufw, firewalld, iptables',
    { fallback: 'true' },
  ),
  done(
    'respect-input-policy',
    'switch',
    "Published ports are open from outside only where the host's input rules let them through",
    { fallback: 'false' },
  ),
  done('ip-masq', 'switch', 'Masquerade on the default bridge', { fallback: 'true' }),
  done('host-gateway-ip', 'addresses', 'Addresses that "host-gateway" of --add-host resolves to, one of each family', {
    key: 'host-gateway-ips',
    fallback: 'the default bridge',
  }),
  done(
    'ip6tables',
    'switch',
    'false: leave the rules of ip6tables alone; the rules of the engine are in an nftables table of its own',
    { fallback: 'true' },
  ),
  done(
    'iptables',
    'switch',
    'false: leave the rules of iptables and ip6tables alone, as --firewall-integration=false does; the rules of the engine are in an nftables table of its own',
    { fallback: 'true' },
  ),
  noEffect(
    'firewall-backend',
    'text',
    'What the rules are written with (dockerd 29)',
    'the rules are always in an nftables table of our own',
    { fallback: 'nftables', judge: judgeFirewallBackend },
  ),
  noEffect(
    'bridge-accept-fwmark',
    'text',
    'Mark of packets that bridges accept (dockerd 29)',
    'rules of yours that accept the packets of containers are in your own tables',
  ),
  noEffect(
    'userland-proxy',
    'switch',
    'Proxy processes for loopback traffic',
    'no proxy processes are ever used: published ports answer on loopback without them',
    { fallback: 'false' },
  ),
  noEffect('userland-proxy-path', 'text', 'Program of the proxy processes', 'no proxy processes are ever used'),
  done('links-follow-names', 'switch', 'Links follow a source that is removed and created again under its name', {
    fallback: 'false',
  }),
];
