/** Messages of the services that a client offers in a session: its files, secrets, logins and agents. */
import { content, message, name, nested, text, whole, wide } from '../protobuf.ts';

/** Paths and links are bytes. */
const fileStat = message({
  path: name(1),
  mode: whole(2),
  uid: whole(3),
  gid: whole(4),
  sizeBytes: whole(5),
  modTimeNs: wide(6),
  linkName: name(7),
  deviceMajor: whole(8),
  deviceMinor: whole(9),
});

export const PACKET = { stat: 0, request: 1, data: 2, end: 3, error: 4 } as const;

export const packet = message({ kind: whole(1), stat: nested(2, fileStat), id: whole(3), data: content(4) });

export const bytesMessage = message({ data: content(1) });

export const credentialsRequest = message({ host: text(1) });
export const credentialsResponse = message({ username: text(1), secret: text(2) });
export const secretRequest = message({ id: text(1) });
export const secretResponse = message({ data: content(1) });
export const agentRequest = message({ id: text(1) });
