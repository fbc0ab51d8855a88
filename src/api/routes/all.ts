import { RouteTable } from '../route-table.ts';
import { addArchiveRoutes } from './archives.ts';
import { addBuildRoutes } from './build.ts';
import { addContainerRoutes } from './containers.ts';
import { addExecRoutes } from './exec.ts';
import { addImageRoutes } from './images.ts';
import { addNameRoutes } from './names.ts';
import { addNetworkRoutes } from './networks.ts';
import { addPortRoutes } from './ports.ts';
import { addStreamRoutes } from './streams.ts';
import { addSystemRoutes } from './system.ts';
import { addUnbuiltRoutes } from './unbuilt.ts';
import { addVolumeRoutes } from './volumes.ts';

export function createRoutes(): RouteTable {
  const routes = new RouteTable();
  addSystemRoutes(routes);
  addContainerRoutes(routes);
  addStreamRoutes(routes);
  addArchiveRoutes(routes);
  addExecRoutes(routes);
  addImageRoutes(routes);
  addBuildRoutes(routes);
  addNetworkRoutes(routes);
  addNameRoutes(routes);
  addPortRoutes(routes);
  addVolumeRoutes(routes);
  addUnbuiltRoutes(routes);
  return routes;
}
