/** Where Causeway prints something else than Docker 20.10 did, and why. The two seed scenarios have none. */
export interface Difference {
  readonly docker: string;
  readonly here: string;
  readonly because: string;
}

const SAYS_WHO = "a taken port is refused in Docker's words, and then we say who holds it";
const RESOLV_CONF_ORDER = 'Docker 28 writes the name servers first';
const ENDPOINT_SETTINGS = 'Docker 28 collects what is wrong with the settings of an endpoint under one heading';
const NAMESPACE = 'the words of Docker 28, which says what is joined';
const SETTING_UP = 'Docker 28 begins what it says of a start whose network is at fault with these words';
const NETWORK_CONFIG = "Docker 28 collects what is wrong with a network's configuration under one heading";

export const DIFFERENCES: Readonly<Record<string, readonly Difference[]>> = {
  dns: [
    {
      docker: 'search example.com\nnameserver 127.0.0.11\noptions ndots:2',
      here: 'nameserver 127.0.0.11\nsearch example.com\noptions ndots:2',
      because: RESOLV_CONF_ORDER,
    },
    {
      docker: 'search example.com\nnameserver 9.9.9.9\noptions timeout:3',
      here: 'nameserver 9.9.9.9\nsearch example.com\noptions timeout:3',
      because: RESOLV_CONF_ORDER,
    },
  ],
  connect: [
    {
      docker: 'daemon: container cannot be disconnected from host network or connected to host network',
      here: 'daemon: cannot connect container to host network - container must be created in host network mode',
      because: 'the words of Docker 28',
    },
    {
      docker: 'eth1 172.17.0.2/16\neth0 {net2}.3',
      here: 'eth0 172.17.0.2/16\neth1 {net2}.3',
      because: 'interfaces are in the order of the connections; with Docker 28 in any',
    },
  ],
  'networks-cli': [
    {
      docker: '! Error response from daemon: Pool overlaps',
      here: '! Error response from daemon: invalid pool request: Pool overlaps',
      because: 'the words of Docker 28',
    },
    {
      docker: '! Error response from daemon: Invalid subnet 10.67.0.0/33 : invalid CIDR address: 10.67.0.0/33',
      here: '! Error response from daemon: invalid network config:\n! invalid subnet 10.67.0.0/33: invalid CIDR block notation',
      because: NETWORK_CONFIG,
    },
    {
      docker: '! Error response from daemon: Invalid subnet banana : invalid CIDR address: banana',
      here: '! Error response from daemon: invalid network config:\n! invalid subnet banana: invalid CIDR block notation',
      because: NETWORK_CONFIG,
    },
    { docker: "Invalid filter 'nosuch'", here: "invalid filter 'nosuch'", because: 'the words of Docker 28' },
    {
      docker: 'network back id {ID} has active endpoints',
      here: 'network back has active endpoints (name:"aa" id:"{id}")',
      because: 'the words of Docker 28, which names the containers',
    },
    {
      docker: '[{"Subnet":"172.17.0.0/16"}] {',
      here: '[{"Subnet":"172.17.0.0/16","Gateway":"172.17.0.1"}] {',
      because: 'Docker shows the gateway of the default bridge too, but for the first run on a new host',
    },
    {
      docker: 'host host []\nnone null []',
      here: 'host host null\nnone null null',
      because: 'Docker 28 has null there',
    },
  ],
  addresses: [
    {
      docker: '--ip 10.66.0.10 busybox true\n! docker: Error response from daemon: Address already in use',
      here: '--ip 10.66.0.10 busybox true\n! docker: Error response from daemon: failed to set up container networking: Address already in use',
      because: SETTING_UP,
    },
    {
      docker: '--ip 10.66.0.1 busybox true\n! docker: Error response from daemon: Address already in use',
      here: '--ip 10.66.0.1 busybox true\n! docker: Error response from daemon: failed to set up container networking: Address already in use',
      because: SETTING_UP,
    },
    {
      docker: "daemon: no available IPv4 addresses on this network's address pools: tiny",
      here: "daemon: failed to set up container networking: no available IPv4 addresses on this network's address pools: tiny",
      because: SETTING_UP,
    },
    {
      docker: "Invalid address 10.99.0.10: It does not belong to any of this network's subnets",
      here: 'invalid config for network net: invalid endpoint settings:\n! no configured subnet or ip-range contain the IP address 10.99.0.10',
      because: ENDPOINT_SETTINGS,
    },
    {
      docker: 'daemon: invalid IPv4 address: banana',
      here: 'daemon: invalid config for network net: invalid endpoint settings:\n! * invalid IPv4 address: banana\n! * no configured subnet or ip-range contain the IP address banana',
      because: ENDPOINT_SETTINGS,
    },
    {
      docker: 'daemon: user specified IP address is supported on user defined networks only',
      here: 'daemon: invalid config for network bridge: invalid endpoint settings:\n! * user specified IP address is supported on user defined networks only\n! * user specified IP address is supported only when connecting to networks with user configured subnets',
      because: ENDPOINT_SETTINGS,
    },
    {
      docker:
        '! docker: "specify mac-address per network" requires API version 1.44, but the Docker daemon API version is 1.41',
      here: '02-42-0a-42-00-63',
      because: 'we serve API 1.44, where the address works',
    },
    {
      docker: 'daemon: user specified IP address is supported only when connecting',
      here: 'daemon: invalid config for network plain: invalid endpoint settings:\n! user specified IP address is supported only when connecting',
      because: ENDPOINT_SETTINGS,
    },
  ],
  modes: [
    {
      docker: 'daemon: network nosuchnet not found',
      here: 'daemon: failed to set up container networking: network nosuchnet not found',
      because: SETTING_UP,
    },
    {
      docker: 'daemon: No such container: nobody',
      here: 'daemon: joining network namespace of container: No such container: nobody',
      because: NAMESPACE,
    },
    {
      docker: 'cannot join network of a non running container: {ID}',
      here: 'cannot join network namespace of a non running container: container off is created',
      because: NAMESPACE,
    },
    {
      docker: 'lo 127.0.0.1/8\n$ docker run -d --name base',
      here: 'lo 127.0.0.1/8\nlo ::1/128\n$ docker run -d --name base',
      because: 'Docker 28 leaves ::1 on the loopback interface',
    },
    {
      docker: "'{{.HostConfig.NetworkMode}}' base\ndefault",
      here: "'{{.HostConfig.NetworkMode}}' base\nbridge",
      because: 'Docker 28 says bridge',
    },
  ],
  publish: [
    {
      docker: 'daemon: driver failed programming external connectivity on endpoint clash',
      here: 'daemon: failed to set up container networking: driver failed programming external connectivity on endpoint clash',
      because: SETTING_UP,
    },
    {
      docker: 'daemon: driver failed programming external connectivity on endpoint web',
      here: 'daemon: failed to set up container networking: driver failed programming external connectivity on endpoint web',
      because: SETTING_UP,
    },
    {
      docker: 'Bind for 0.0.0.0:8080 failed: port is already allocated\n$ docker ps',
      here: 'Bind for 0.0.0.0:8080 failed: port is already allocated: held by container web\n$ docker ps',
      because: SAYS_WHO,
    },
    {
      docker: 'Bind for 0.0.0.0:8080 failed: port is already allocated\nError: failed',
      here: 'Bind for 0.0.0.0:8080 failed: port is already allocated: held by container takes-over\nError: failed',
      because: SAYS_WHO,
    },
  ],
  isolation: [
    {
      docker: 'default via {net1}.1 dev eth0\n{net1}.0 dev',
      here: '{net1}.0 dev',
      because: 'Docker 28 gives an internal network no default route',
    },
  ],
};
