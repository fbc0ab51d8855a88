/** The config that a commit request may carry -> Dockerfile lines, the one form in which the engine takes changes. */
import type { ConfigRequest } from '../../wire/container-create.ts';

export function configChanges(config: ConfigRequest): string[] {
  const lines: string[] = [];
  for (const variable of config.Env) {
    const at = variable.indexOf('=');
    if (at > 0) lines.push(`ENV ${variable.slice(0, at)}=${quote(variable.slice(at + 1))}`);
  }
  for (const [name, value] of Object.entries(config.Labels)) lines.push(`LABEL ${quote(name)}=${quote(value)}`);
  if (config.Cmd) lines.push(`CMD ${JSON.stringify(config.Cmd)}`);
  if (config.Entrypoint) lines.push(`ENTRYPOINT ${JSON.stringify(config.Entrypoint)}`);
  if (config.ExposedPorts.length > 0) lines.push(`EXPOSE ${config.ExposedPorts.join(' ')}`);
  if (config.Volumes.length > 0) lines.push(`VOLUME ${JSON.stringify(config.Volumes)}`);
  if (config.User !== '') lines.push(`USER ${config.User}`);
  if (config.WorkingDir !== '') lines.push(`WORKDIR ${config.WorkingDir}`);
  if (config.StopSignal !== '') lines.push(`STOPSIGNAL ${config.StopSignal}`);
  return lines;
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('$', '\\$')}"`;
}
