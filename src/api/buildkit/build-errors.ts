/** What BuildKit's clients read of a failure, in BuildKit's words where it has some. */
import { BuildCancelled } from '../../model/build-cancelled.ts';
import { StepFailure } from '../../model/step-failure.ts';

export function explainBuild(explain: (error: unknown) => string): (error: unknown) => string {
  return (error) => {
    if (error instanceof StepFailure)
      return `process ${JSON.stringify(error.command.join(' '))} did not complete successfully: exit code: ${error.exitCode}`;
    // Clients draw a part that failed with these words as cancelled.
    if (error instanceof BuildCancelled || (error instanceof Error && error.name === 'AbortError'))
      return 'context canceled';
    return explain(error);
  };
}
