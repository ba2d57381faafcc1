import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedServer, eventually } from '../test/support/embedded-server.ts';
import { signal } from '../test/support/processes.ts';
import { median } from './statistics.ts';
import { StreamClient, send } from './stream-client.ts';

/** Times that are promised, measured on the running server, as a reader or caller sees them. Milliseconds. */
export type TimesRow = { measure: string; median: number; worst: number; goal: string };
/** `until`: no round begins after that time of `performance.now()`, save the first. */
export type TimesOptions = { modelPath: string | null; rounds: number; until: number; log?: (line: string) => void };

const USER = '/users/reader-1/conversations';
/** Tokens of a prompt that is as long as the goal says, by the rough rule of four characters a token. */
const LONG_PROMPT_CHARS = 1_700 * 4;
const WORDS = 'In that year the quick brown fox jumped over the lazy dog near the old river bank. ';

export async function timesBench({ modelPath, rounds, until, log }: TimesOptions): Promise<TimesRow[]> {
  await using server = await EmbeddedServer.start({
    ...(modelPath !== null && { MODEL: modelPath }),
    // The tiny model would be done before anything can be done to it.
    ENGINE_PACE_MS: modelPath === null ? 10 : 0,
    RATE_LIMIT_REQUESTS_PER_MINUTE: 1_000_000,
    LOG_LEVEL: 'warn',
  });
  await server.modelIsReady();
  const taken = new Map<string, number[]>(MEASURES.map(({ measure }) => [measure, []]));
  for (let round = 0; round < rounds && (round === 0 || performance.now() < until); round += 1) {
    for (const { measure, take } of MEASURES) {
      const ms = await take(server, round);
      taken.get(measure)!.push(ms);
      log?.(`round ${round + 1}, ${measure}: ${ms.toFixed(0)} ms`);
    }
  }
  return MEASURES.map(({ measure, goal }) => {
    const values = taken.get(measure)!;
    return { measure, median: median(values), worst: Math.max(...values), goal };
  });
}

type Measure = { measure: string; goal: string; take: (server: EmbeddedServer, round: number) => Promise<number> };

const MEASURES: readonly Measure[] = [
  { measure: 'stop: until the caller is told that it has stopped', goal: '≤ 250', take: stopAcknowledged },
  { measure: 'stop within a 1,700-token prompt: until its reader has the end', goal: '≤ 200', take: stopInPrompt },
  { measure: '1,700-token prompt: longest gap of an answer beside it', goal: '≤ 300', take: neighbourStall },
  { measure: 'model killed: gap in the answer', goal: '', take: modelKilled },
  { measure: 'server killed and started again: gap in the answer', goal: '', take: serverKilled },
];

/** An answer that is under way, and as long as a request may ask for. */
async function writing(server: EmbeddedServer, round: number, part = 0): Promise<StreamClient> {
  const body = { message: `Write a very long story, number ${round}, part ${part}.`, max_tokens: 1_500 };
  const client = new StreamClient(server, (await send(server, 'POST', USER, body)).id);
  await client.first;
  return client;
}

async function stop(server: EmbeddedServer, client: StreamClient): Promise<void> {
  await send(server, 'POST', `/generations/${client.id}/stop`);
  await client.end;
}

async function stopAcknowledged(server: EmbeddedServer, round: number): Promise<number> {
  const client = await writing(server, round);
  const began = performance.now();
  await send(server, 'POST', `/generations/${client.id}/stop`);
  const ms = performance.now() - began;
  await client.end;
  return ms;
}

async function askLong(server: EmbeddedServer, round: number, max_tokens: number): Promise<StreamClient> {
  const message = `${round} `.repeat(3) + WORDS.repeat(Math.ceil(LONG_PROMPT_CHARS / WORDS.length));
  return new StreamClient(server, (await send(server, 'POST', USER, { message, max_tokens })).id);
}

async function stopInPrompt(server: EmbeddedServer, round: number): Promise<number> {
  const client = await askLong(server, 1_000 + round, 500);
  await eventually('the prompt is being read', async () => {
    return (await send(server, 'GET', `/generations/${client.id}`)).state === 'running';
  });
  await sleep(100);
  const began = performance.now();
  await stop(server, client);
  return client.endedAt! - began;
}

async function neighbourStall(server: EmbeddedServer, round: number): Promise<number> {
  const neighbour = await writing(server, round, 1);
  await eventually('it is under way', () => neighbour.events >= 5);
  const began = performance.now();
  const long = await askLong(server, round, 10);
  await Promise.race([long.first, neighbour.end]);
  const ended = performance.now();
  await Promise.all([stop(server, neighbour), long.end]);
  return neighbour.longestGap(began, ended);
}

async function gapAround(server: EmbeddedServer, client: StreamClient, fault: () => Promise<void>): Promise<number> {
  await eventually('it is under way', () => client.events >= 5);
  const began = performance.now();
  await fault();
  const before = client.events;
  await eventually('it goes on', () => client.events > before + 2 || client.endedAt !== null);
  await stop(server, client);
  return client.longestGap(began);
}

async function modelKilled(server: EmbeddedServer, round: number): Promise<number> {
  const client = await writing(server, round, 2);
  return await gapAround(server, client, async () => signal(await server.modelPid(), 'SIGKILL'));
}

async function serverKilled(server: EmbeddedServer, round: number): Promise<number> {
  const client = await writing(server, round, 3);
  const gap = await gapAround(server, client, async () => {
    await server.kill();
    await server.start();
  });
  await server.modelIsReady();
  return gap;
}
