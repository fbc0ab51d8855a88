/** `test` is Docker's: [] inherit, ['NONE'], ['CMD', ...], ['CMD-SHELL', 'line']. Times in nanoseconds, 0 = default. */
export interface Healthcheck {
  readonly test: readonly string[];
  readonly intervalNs: number;
  readonly timeoutNs: number;
  readonly startPeriodNs: number;
  readonly startIntervalNs: number;
  readonly retries: number;
}

export interface HealthProbe {
  readonly start: string;
  readonly end: string;
  readonly exitCode: number;
  readonly output: string;
}

export interface HealthState {
  readonly status: 'none' | 'starting' | 'healthy' | 'unhealthy';
  readonly failingStreak: number;
  readonly log: readonly HealthProbe[];
}
