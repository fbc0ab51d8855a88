/**
 * What a port's service is called in questions for SRV records: its number always, and the name that the IANA
 * registered for it where it is one that containers commonly offer.
 */
import { formatPort, type Port } from '../../model/port.ts';

const REGISTERED: Readonly<Record<string, string>> = {
  '21/tcp': 'ftp',
  '22/tcp': 'ssh',
  '25/tcp': 'smtp',
  '53/tcp': 'domain',
  '53/udp': 'domain',
  '80/tcp': 'http',
  '88/tcp': 'kerberos',
  '88/udp': 'kerberos',
  '110/tcp': 'pop3',
  '123/udp': 'ntp',
  '143/tcp': 'imap',
  '389/tcp': 'ldap',
  '443/tcp': 'https',
  '443/udp': 'https',
  '465/tcp': 'submissions',
  '514/udp': 'syslog',
  '587/tcp': 'submission',
  '636/tcp': 'ldaps',
  '993/tcp': 'imaps',
  '995/tcp': 'pop3s',
  '1433/tcp': 'ms-sql-s',
  '1883/tcp': 'mqtt',
  '2049/tcp': 'nfs',
  '2379/tcp': 'etcd-client',
  '2380/tcp': 'etcd-server',
  '3306/tcp': 'mysql',
  '3478/udp': 'stun',
  '5060/tcp': 'sip',
  '5060/udp': 'sip',
  '5222/tcp': 'xmpp-client',
  '5269/tcp': 'xmpp-server',
  '5432/tcp': 'postgresql',
  '5672/tcp': 'amqp',
  '6379/tcp': 'redis',
  '8080/tcp': 'http-alt',
  '8883/tcp': 'secure-mqtt',
  '11211/tcp': 'memcache',
  '27017/tcp': 'mongodb',
};

export function serviceNames(port: Port): string[] {
  const name = REGISTERED[formatPort(port)];
  return [String(port.port), ...(name === undefined ? [] : [name])];
}
