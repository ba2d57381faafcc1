import { COMMANDS } from './command-line.ts';
import type { Setting } from './setting.ts';
import { flagOf, SETTING_NAMES, SETTINGS } from './settings.ts';

const WIDTH = 100;
const INDENT = 24;

/** What `--help` prints: the commands, and the settings that matter. */
export function renderHelp(): string {
  const commands = Object.values(COMMANDS).map(({ usage, description }) => [
    ...usage.map((line) => `  ${line}`),
    ...wrap(description).map((line) => `      ${line}`),
  ]);
  const settings = SETTING_NAMES.flatMap((name) => {
    const { group, description, default: value, otherwise } = SETTINGS[name] as Setting;
    if (group !== 'basics') return [];
    const note = value === undefined ? `Default: ${otherwise}.` : `Default: ${value}.`;
    const [first = '', ...more] = wrap(`${description} ${note}`.replaceAll('`', ''));
    return [`  ${flagOf(name).padEnd(INDENT - 2)}${first}`, ...more.map((line) => ' '.repeat(INDENT) + line)];
  });
  return [
    'ChatterBot: a chat service for large language models.',
    '',
    'Usage: npm start -- [COMMAND] [--SETTING=VALUE …]',
    '',
    'Commands',
    '  (none)',
    '      the server on this machine: page, API, database and model, all of it',
    ...commands.flat(),
    '',
    'Settings',
    ...settings,
    `  ${'--help, --version'.padEnd(INDENT - 2)}This text; the version.`,
    '',
    'Each is also an environment variable and a line of .env (--log-level is LOG_LEVEL); a flag wins over',
    'the environment, the environment over .env. All settings: docs/configuration.md, .env.example.',
    '',
  ].join('\n');
}

function wrap(text: string): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && line.length + 1 + word.length > WIDTH - INDENT) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
