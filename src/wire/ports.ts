/** Published ports of a container that come and go, under /causeway/: Docker's API has nothing like it. */
import * as v from 'valibot';
import type { PortMapJson } from './container-inspect.ts';
import { portMapSchema } from './container-create.ts';
import type { Sent } from './go-fields.ts';

/** The body of POST and DELETE /causeway/containers/{id}/ports: bindings by "80/tcp". */
export const portsRequestSchema = v.object({ PortBindings: portMapSchema });

export type PortsBody = Sent<typeof portsRequestSchema>;

export interface PortsResponseJson {
  /** False: the change is in effect with the container's next start. */
  readonly Running: boolean;
  /** What is published, or was. */
  readonly Ports: PortMapJson;
}
