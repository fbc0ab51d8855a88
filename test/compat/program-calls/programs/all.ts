import type { Program } from '../table.ts';
import { COMMAND_LINE } from './command-line.ts';
import { DOZZLE } from './dozzle.ts';
import { GITLAB_RUNNER } from './gitlab-runner.ts';
import { MONITORS } from './monitors.ts';
import { PORTAINER } from './portainer.ts';
import { TRAEFIK } from './traefik.ts';
import { WATCHTOWER } from './watchtower.ts';

/** In the order in which they are played; the last takes a container of the others away. */
export const PROGRAMS: readonly Program[] = [
  ...PORTAINER,
  ...TRAEFIK,
  ...DOZZLE,
  ...GITLAB_RUNNER,
  ...MONITORS,
  ...COMMAND_LINE,
  ...WATCHTOWER,
];
