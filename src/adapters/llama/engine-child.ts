import type { EngineOptions, FromEngine, ToEngine } from './engine-messages.ts';
import { LoadError, loadModel } from './load-model.ts';
import { Scheduler } from './scheduler.ts';

/** The process that holds the model: a crash or a lack of memory in native code never takes the server with it. */

// A terminal and a service manager signal the whole group; the server decides when the model may go.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
// The server is gone, or done with this process.
process.on('disconnect', () => process.exit(0));

let scheduler: Scheduler | null = null;

process.on('message', (message: ToEngine) => {
  if (message.kind === 'load') void load(message.options);
  else if (message.kind === 'generate') scheduler!.submit(message.id, message.request);
  else if (message.kind === 'cancel') scheduler!.cancel(message.id);
  else send({ kind: 'counts', id: message.id, counts: scheduler!.count(message.texts) });
});

async function load(options: EngineOptions): Promise<void> {
  try {
    const loaded = await loadModel(options, (level, message) => send({ kind: 'log', level, message }));
    scheduler = new Scheduler(loaded, options, (updates) => send({ kind: 'step', updates }));
    reportLife(scheduler);
    send({ kind: 'ready', model: loaded.info });
  } catch (error) {
    const reason = error instanceof LoadError ? error.reason : 'engine';
    const failed: FromEngine = { kind: 'failed', reason, message: (error as Error).message };
    process.send!(failed, undefined, undefined, () => process.exit(1));
  }
}

const LIFE_EVERY_MS = 1000;

function reportLife(working: Scheduler): void {
  let steps = 0;
  setInterval(() => {
    if (working.busy && working.steps > steps) send({ kind: 'alive' });
    steps = working.steps;
  }, LIFE_EVERY_MS).unref();
}

function send(message: FromEngine): void {
  if (process.connected) process.send!(message);
}
