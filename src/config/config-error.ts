import { ExitError } from './exit-codes.ts';

/** What is wrong with the command line, the `.env` file or the environment: all of it at once, a line each. */
export class ConfigError extends ExitError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('usage', problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}
