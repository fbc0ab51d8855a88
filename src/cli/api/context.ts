/** Which of Docker's contexts is meant. What `docker context use` has chosen is that client's choice and is not followed. */
import { StatusError } from '../command/status-error.ts';

export const DEFAULT_CONTEXT = 'default';

/** The context that the words and the environment name; undefined: the default, that is -H or its variables. */
export function chosenContext(flag: string, hasHost: boolean, env: NodeJS.ProcessEnv): string | undefined {
  if (flag !== '' && hasHost) throw new StatusError('conflicting options: cannot specify both --host and --context');
  if (flag !== '') return flag === DEFAULT_CONTEXT ? undefined : flag;
  if (hasHost || env['CAUSEWAY_HOST'] || env['DOCKER_HOST']) return undefined;
  const named = env['DOCKER_CONTEXT'] ?? '';
  return named === '' || named === DEFAULT_CONTEXT ? undefined : named;
}
