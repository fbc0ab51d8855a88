/**
 * daemon.json files as people have them: what packages write, what guides tell to write, what corporate images carry.
 * Addresses and names are examples.
 */
export interface OrdinaryFile {
  readonly from: string;
  readonly content: object;
  /** Why it is refused; absent: the daemon starts with it. */
  readonly refused?: RegExp;
  /** Keys that are said to have no effect. */
  readonly noted?: readonly string[];
}

const JSON_LOG = { 'log-driver': 'json-file', 'log-opts': { 'max-size': '100m', 'max-file': '3' } };
const NVIDIA = { nvidia: { args: [], path: 'nvidia-container-runtime' } };

export const ORDINARY_FILES: readonly OrdinaryFile[] = [
  { from: 'nothing to say', content: {} },
  { from: 'a mirror of Docker Hub', content: { 'registry-mirrors': ['https://mirror.gcr.io'] } },
  {
    from: 'mirrors in China',
    content: { 'registry-mirrors': ['https://hub-mirror.example.cn', 'https://dockerhub.example.com/'] },
  },
  { from: 'a registry of the house', content: { 'insecure-registries': ['registry.local:5000', '10.0.0.0/8'] } },
  {
    from: 'a registry with its scheme',
    content: { 'insecure-registries': ['http://registry.local:5000'] },
    noted: ['insecure registry http'],
  },
  {
    from: 'Kubernetes docs: container runtimes',
    content: { 'exec-opts': ['native.cgroupdriver=systemd'], ...JSON_LOG, 'storage-driver': 'overlay2' },
    noted: ['"exec-opts"'],
  },
  {
    from: 'kubeadm guides on CentOS',
    content: {
      'exec-opts': ['native.cgroupdriver=systemd'],
      ...JSON_LOG,
      'storage-driver': 'overlay2',
      'storage-opts': ['overlay2.override_kernel_check=true'],
    },
    noted: ['"exec-opts"'],
  },
  { from: 'cgroupfs, said', content: { 'exec-opts': ['native.cgroupdriver=cgroupfs'] } },
  { from: 'GitLab runner: a registry mirror', content: { 'registry-mirrors': ['http://10.0.0.5:6000'], mtu: 1450 } },
  {
    from: 'GitLab runner: Docker in Docker',
    content: { 'registry-mirrors': ['https://mirror.example.com'], experimental: true, 'storage-driver': 'vfs' },
    noted: ['"storage-driver"'],
  },
  {
    from: 'GitHub Actions runner image',
    content: { 'exec-opts': ['native.cgroupdriver=cgroupfs'], 'cgroup-parent': '/actions_job' },
  },
  {
    from: 'NVIDIA container toolkit',
    content: { runtimes: NVIDIA },
  },
  {
    from: 'NVIDIA container toolkit with the old form of arguments',
    content: {
      'default-runtime': 'nvidia',
      runtimes: { nvidia: { path: '/usr/bin/nvidia-container-runtime', runtimeArgs: [] } },
    },
  },
  {
    from: 'NVIDIA Jetson',
    content: { runtimes: NVIDIA, 'default-runtime': 'nvidia', 'data-root': '/ssd/docker' },
  },
  {
    from: 'NVIDIA with CDI',
    content: { features: { cdi: true }, 'cdi-spec-dirs': ['/etc/cdi', '/var/run/cdi'], runtimes: NVIDIA },
  },
  {
    from: 'gVisor',
    content: { runtimes: { runsc: { path: '/usr/local/bin/runsc', runtimeArgs: ['--platform=systrap'] } } },
  },
  { from: 'Kata Containers', content: { runtimes: { kata: { runtimeType: 'io.containerd.kata.v2' } } } },
  {
    from: 'Sysbox',
    content: {
      runtimes: { 'sysbox-runc': { path: '/usr/bin/sysbox-runc' } },
      bip: '172.20.0.1/16',
      'default-address-pools': [{ base: '172.25.0.0/16', size: 24 }],
    },
  },
  {
    from: 'Synology',
    content: {
      'data-root': '/var/packages/ContainerManager/var/docker',
      'log-driver': 'json-file',
      'registry-mirrors': [],
      group: 'administrators',
      'storage-driver': 'btrfs',
      'seccomp-profile': 'unconfined',
    },
    noted: ['"storage-driver"'],
  },
  {
    from: 'QNAP, with the key of old releases',
    content: { graph: '/share/docker' },
    refused: /graph \(it is "data-root" today\)/,
  },
  { from: 'another disk', content: { 'data-root': '/mnt/docker-data' } },
  {
    from: 'a corporate proxy',
    content: {
      proxies: {
        'http-proxy': 'http://proxy.corp:3128',
        'https-proxy': 'http://proxy.corp:3128',
        'no-proxy': 'localhost,127.0.0.0/8,.corp',
      },
    },
  },
  {
    from: 'a corporate image: networks that do not clash with the office',
    content: {
      bip: '192.168.99.1/24',
      'default-address-pools': [{ base: '192.168.100.0/22', size: 26 }],
      dns: ['10.1.1.53', '10.1.2.53'],
      'dns-search': ['corp.example.com'],
      'dns-opts': ['timeout:2'],
    },
  },
  {
    from: 'a VPN with a small MTU',
    content: { mtu: 1400, 'default-network-opts': { bridge: { 'com.docker.network.driver.mtu': '1400' } } },
  },
  { from: 'IPv6', content: { ipv6: true, 'fixed-cidr-v6': '2001:db8:1::/64', ip6tables: true, experimental: true } },
  {
    from: 'IPv6 with pools',
    content: {
      ipv6: true,
      'fixed-cidr-v6': 'fd00:dead:beef::/48',
      'default-address-pools': [
        { base: '172.17.0.0/16', size: 24 },
        { base: 'fd00:1::/48', size: 64 },
      ],
    },
  },
  { from: 'a firewall of its own', content: { iptables: false } },
  { from: 'dockerd 29 with nftables', content: { 'firewall-backend': 'nftables' } },
  {
    from: 'CIS benchmark',
    content: {
      icc: false,
      'live-restore': true,
      'userland-proxy': false,
      'no-new-privileges': true,
      'log-driver': 'syslog',
      'default-ulimits': {
        nofile: { Name: 'nofile', Hard: 64000, Soft: 64000 },
        nproc: { Name: 'nproc', Hard: 4096, Soft: 2048 },
      },
    },
  },
  {
    from: 'CIS benchmark with user namespaces',
    content: { 'userns-remap': 'default', icc: false },
    refused: /"userns-remap" is refused/,
  },
  {
    from: 'CIS benchmark with an authorization plugin',
    content: { 'authorization-plugins': ['opa-docker-authz'] },
    refused: /"authorization-plugins" is refused/,
  },
  {
    from: 'log rotation by the local driver',
    content: { 'log-driver': 'local', 'log-opts': { 'max-size': '10m', 'max-file': '5', compress: 'true' } },
  },
  {
    from: 'logs with labels',
    content: {
      ...JSON_LOG,
      labels: ['env=prod', 'rack=r7'],
      'log-opts': { labels: 'app', env: 'REGION', tag: '{{.Name}}' },
    },
  },
  { from: 'journald', content: { 'log-driver': 'journald', 'log-opts': { tag: '{{.Name}}' } } },
  { from: 'Prometheus', content: { 'metrics-addr': '0.0.0.0:9323', experimental: true } },
  {
    from: 'a build host',
    content: {
      builder: {
        gc: {
          enabled: true,
          defaultKeepStorage: '20GB',
          policy: [{ keepStorage: '10GB', filter: ['unused-for=2200h'] }],
        },
      },
      features: { buildkit: true },
      'max-concurrent-downloads': 10,
      'max-concurrent-uploads': 10,
    },
  },
  {
    from: "Docker Desktop's settings, copied",
    content: {
      builder: { gc: { defaultKeepStorage: '20GB', enabled: true } },
      experimental: false,
      features: { buildkit: true },
    },
  },
  {
    from: 'the containerd image store',
    content: { features: { 'containerd-snapshotter': true } },
    noted: ['"features"'],
  },
  {
    from: 'TLS',
    content: {
      hosts: ['unix:///var/run/docker.sock', 'tcp://0.0.0.0:2376'],
      tls: true,
      tlsverify: true,
      tlscacert: '/etc/docker/ca.pem',
      tlscert: '/etc/docker/server-cert.pem',
      tlskey: '/etc/docker/server-key.pem',
    },
  },
  { from: 'a socket and plain TCP', content: { hosts: ['unix:///var/run/docker.sock', 'tcp://127.0.0.1:2375'] } },
  { from: 'systemd socket activation', content: { hosts: ['fd://'] } },
  {
    from: 'Hashicorp Nomad client',
    content: {
      'live-restore': true,
      'default-shm-size': '256M',
      init: true,
      'init-path': '/usr/bin/tini',
      'default-ipc-mode': 'shareable',
      'default-cgroupns-mode': 'host',
    },
  },
  {
    from: 'Swarm node',
    content: {
      'live-restore': false,
      labels: ['node.role=worker'],
      'node-generic-resources': ['NVIDIA-GPU=gpu-1'],
      'swarm-default-advertise-addr': 'eth0',
    },
    noted: ['"node-generic-resources"', '"swarm-default-advertise-addr"'],
  },
  { from: 'RHEL with SELinux', content: { 'selinux-enabled': true, 'log-driver': 'journald' } },
  {
    from: 'old CentOS with devicemapper',
    content: { 'storage-driver': 'devicemapper', 'storage-opts': ['dm.thinpooldev=/dev/mapper/docker-thinpool'] },
    refused: /devicemapper storage-driver has been deprecated and removed/,
  },
  {
    from: 'old CentOS with its score',
    content: { 'oom-score-adjust': -500, debug: true, 'shutdown-timeout': 60, 'max-download-attempts': 10 },
  },
  { from: 'a browser in front of it', content: { 'api-cors-header': '*' }, refused: /"api-cors-header" is refused/ },
  { from: 'a typing mistake', content: { 'log-opt': { 'max-size': '10m' } }, noted: ['"log-opt"'] },
  {
    from: 'a typing mistake of another kind',
    content: { 'registry-mirror': ['https://mirror.example.com'], 'registery-mirrors': [] },
    refused: /don't match any configuration option: registery-mirrors/,
  },
];
