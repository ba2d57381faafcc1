import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';

/** What a figure is worth nothing without. `load`: running processes when it began, others' included. */
export function machineFacts(): Record<string, string | number> {
  const modules = ['node-llama-cpp', 'fastify', 'pg'];
  return {
    system: `${platform()} ${release()} ${arch()}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_gb: Math.round(totalmem() / 2 ** 30),
    load: Number(loadavg()[0]!.toFixed(2)),
    node: process.version,
    ...Object.fromEntries(modules.map((name) => [name, versionOf(name)])),
  };
}

function versionOf(name: string): string {
  const source = readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8');
  return (JSON.parse(source) as { version: string }).version;
}
