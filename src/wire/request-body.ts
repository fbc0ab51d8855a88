/** What a client may send as JSON, of all routes together: a field that none of them reads is a mistake. */
import type { CreateBody, UpdateBody } from './container-create.ts';
import type { ExecCreateBody, ExecStartBody } from './exec.ts';
import type { NetworkConnectBody, NetworkCreateBody, NetworkDisconnectBody } from './network.ts';
import type { PortsBody } from './ports.ts';
import type { AuthBody } from './system.ts';
import type { VolumeCreateBody } from './volume.ts';

export type RequestBody =
  | CreateBody
  | UpdateBody
  | ExecCreateBody
  | ExecStartBody
  | NetworkCreateBody
  | NetworkConnectBody
  | NetworkDisconnectBody
  | VolumeCreateBody
  | PortsBody
  | AuthBody;
