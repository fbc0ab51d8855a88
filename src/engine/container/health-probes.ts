/** Runs health probes as execs and keeps the beginning of their output. */
import { CappedText } from '../../base/capped-text.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { goDuration } from '../../base/go-duration.ts';
import { afterMs } from '../../base/long-timer.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { newId } from '../../model/ids.ts';
import type { ExecHandle } from '../../oci/runtime.ts';
import { execAction } from '../exec/exec-service.ts';
import type { EventBus } from '../system/event-bus.ts';
import { publishContainerEvent } from './container-events.ts';
import type { ContainerTable } from './container-table.ts';
import type { ProbeRunner } from './health-monitor.ts';
import type { ExecSpec } from '../../model/exec.ts';

const MAX_OUTPUT_BYTES = 4096;
const MAX_START_MS = 30_000; // Docker's
const NS_PER_MS = 1e6;

export interface ProbeNeeds {
  readonly containers: Pick<ContainerTable, 'get' | 'lockedEvenIfGone'>;
  readonly network: { setHealth(containerId: string, healthy: boolean): Promise<void> };
  readonly events: EventBus;
  readonly clock: Clock;
  readonly log: Log;
  exec(
    record: ContainerRecord,
    execId: string,
    spec: ExecSpec,
    options: { attach: boolean; consoleSize: null; startTimeoutMs: number },
  ): Promise<ExecHandle>;
}

export function healthProbes(needs: ProbeNeeds): ProbeRunner {
  return {
    nowNs: () => needs.clock.nowNs(),
    record: (id) => needs.containers.get(id),
    async probe(record, cmd, timeoutMs) {
      const spec = {
        cmd,
        env: [],
        user: '',
        workingDir: '',
        tty: false,
        privileged: false,
        attachStdin: false,
        attachStdout: true,
        attachStderr: true,
        detachKeys: '',
        consoleSize: null,
      };
      const execId = newId();
      const tell = (action: string, extra: Readonly<Record<string, string>> = {}): void =>
        publishContainerEvent(needs.events, needs.containers.get(record.id) ?? record, action, {
          execID: execId,
          ...extra,
        });
      tell(execAction('exec_create', cmd));
      tell(execAction('exec_start', cmd));
      // What the runtime takes to start it is not the probe's time: on a busy machine it is longer than many a timeout.
      const handle = await needs.exec(record, execId, spec, {
        attach: true,
        consoleSize: null,
        startTimeoutMs: MAX_START_MS,
      });
      let late = false;
      const timer = afterMs(timeoutMs, () => {
        late = true;
        void handle.kill(9);
      });
      try {
        const said = new CappedText(MAX_OUTPUT_BYTES);
        for await (const { data } of handle.session!.output) said.push(data);
        const output = said.cut ? `${said.toString()}...` : said.toString(); // as Docker marks it
        const exitCode = await handle.exited;
        tell('exec_die', { exitCode: String(exitCode) });
        return late ? { exitCode: -1, output: exceeded(timeoutMs, output) } : { exitCode, output };
      } finally {
        timer.clear();
      }
    },
    change: (id, next) =>
      needs.containers.lockedEvenIfGone(id, async (held) => {
        if (!held) return;
        const before = held.record.state.health?.status;
        const health = next(held.record);
        if (!health) return;
        // Probes are not worth a durable write each; a change of status is.
        const record = held.update((now) => ({ ...now, state: { ...now.state, health } }));
        if (health.status === before) return;
        publishContainerEvent(needs.events, record, `health_status: ${health.status}`);
        const warn = (what: string) => (error: unknown) =>
          needs.log.warn({ container: id, error: errorMessage(error) }, what);
        // Not waited for: a resolver that does not answer must not keep the lock.
        void needs.network.setHealth(id, health.status !== 'unhealthy').catch(warn('names of an unhealthy container'));
        await held.save().catch(warn('saving a health state'));
      }),
  };
}

function exceeded(timeoutMs: number, output: string): string {
  const what = `Health check exceeded timeout (${goDuration(timeoutMs * NS_PER_MS)})`;
  return output === '' ? what : `${what}: ${output}`;
}
