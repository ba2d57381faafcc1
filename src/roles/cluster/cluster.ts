import { setTimeout as sleep } from 'node:timers/promises';
import { untilAborted } from '../until-aborted.ts';
import { CLUSTER_USAGE, type ClusterOptions, parseClusterOptions } from './options.ts';
import type { Part } from './part.ts';
import { type Cluster, startCluster } from './start-cluster.ts';

const RESTART_AFTER_MS = 1_000;

/** The whole of it on this machine, until told to leave: the quickest way to see it, and what faults and benchmarks stand on. */
export async function runCluster(args: readonly string[], signal: AbortSignal): Promise<void> {
  const options = parseClusterOptions(args);
  if (options === null) {
    process.stdout.write(CLUSTER_USAGE);
    return;
  }
  const say = (line: string) => void (options.json || process.stderr.write(`${line}\n`));
  await using cluster = await startCluster(options, {}, signal, say);
  for (const part of cluster.parts) watch(part, options, signal, say);
  process.stdout.write(options.json ? `${JSON.stringify(describe(cluster))}\n` : block(cluster, options));
  await untilAborted(signal);
  say('Taking it down …');
}

function watch(part: Part, options: ClusterOptions, signal: AbortSignal, say: (line: string) => void): void {
  part.onDeath = async (how) => {
    if (signal.aborted) return;
    say(`${part.name} ended (${how})${options.restart ? '; starting it again' : ''}`);
    if (!options.restart) return;
    for (;;) {
      await sleep(RESTART_AFTER_MS, null, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await part.start(signal);
        return say(`${part.name} is back (pid ${part.pid})`);
      } catch (error) {
        if (!signal.aborted) say((error as Error).message);
      }
    }
  };
}

/** What `--json` prints. */
export function describe({ address, key, folder, parts }: Cluster) {
  return {
    address,
    key,
    folder,
    pid: process.pid,
    parts: parts.map(({ name, pid, spec }) => ({ name, kind: spec.kind, address: spec.address, pid, log: spec.log })),
  };
}

function block(cluster: Cluster, options: ClusterOptions): string {
  const width = Math.max(...cluster.parts.map(({ name }) => name.length));
  const rows = cluster.parts.map(
    ({ name, pid, spec }) => `  ${name.padEnd(width)}  ${String(pid).padStart(7)}  ${spec.address ?? ''}`,
  );
  const model = options.inferenceUrl ?? 'each worker loads one of its own; the first answer may take a while';
  return [
    '',
    'The cluster is ready.',
    '',
    `  Address   ${cluster.address}`,
    `  API key   ${cluster.key}`,
    `  Model     ${model}`,
    `  Folder    ${cluster.folder}`,
    '',
    ...rows,
    '',
    `  Logs are ${cluster.folder}/PART/log. Ctrl-C takes all of it down.`,
    '',
    '',
  ].join('\n');
}
