/** Runs health probes as execs and keeps the beginning of what they say. */
import { CappedText } from '../../base/capped-text.ts';
import { errorMessage } from '../../base/errors.ts';
import { afterMs } from '../../base/long-timer.ts';
import { newId } from '../../model/ids.ts';
import type { EngineContext } from '../engine-context.ts';
import type { ExecHandle } from '../../oci/runtime.ts';
import { runExec } from '../exec/exec-service.ts';
import { publishContainerEvent } from './container-events.ts';
import type { ProbeRunner } from './health-monitor.ts';

const MAX_OUTPUT_BYTES = 4096;

export function healthProbes(context: EngineContext): ProbeRunner {
  return {
    nowNs: () => context.clock.nowNs(),
    record: (id) => context.table.get(id),
    async probe(record, cmd, timeoutMs) {
      const spec = { cmd, env: [], user: '', workingDir: '', tty: false, privileged: false, attachStdin: false, attachStdout: true, attachStderr: true, detachKeys: '', consoleSize: null };
      // The time runs from here: a runtime that hangs is a probe that does.
      let late = false;
      let handle: ExecHandle | undefined;
      const timer = afterMs(timeoutMs, () => {
        late = true;
        void handle?.kill(9);
      });
      const exceeded = (output: string) => ({ exitCode: -1, output: `Health check exceeded timeout (${timeoutMs}ms): ${output}` });
      try {
        handle = await runExec(context, record, newId(), spec, { attach: true, consoleSize: null, startTimeoutMs: timeoutMs });
        const said = new CappedText(MAX_OUTPUT_BYTES);
        for await (const { data } of handle.session!.output) said.push(data);
        const output = said.cut ? `${said.toString()}...` : said.toString(); // as Docker marks it
        const exitCode = await handle.exited;
        return late ? exceeded(output) : { exitCode, output };
      } catch (error) {
        if (late) return exceeded(errorMessage(error));
        throw error;
      } finally {
        timer.clear();
      }
    },
    changed(record, before) {
      // Probes are not worth a durable write each; a change of status is.
      const changed = record.state.health?.status !== before.status;
      context.table.setHealth(record, record.state.health!);
      if (!changed) return;
      publishContainerEvent(context.events, record, `health_status: ${record.state.health?.status}`);
      void context.network.setHealth(record.id, record.state.health?.status !== 'unhealthy').catch((error: unknown) =>
        context.log.warn({ container: record.id, error: errorMessage(error) }, 'names of an unhealthy container'),
      );
      void context.lock
        .run(record.id, async () => {
          const now = context.table.get(record.id);
          if (now) await context.table.save(now);
        })
        .catch((error: unknown) => context.log.warn({ container: record.id, error: errorMessage(error) }, 'saving a health state'));
    },
  };
}
