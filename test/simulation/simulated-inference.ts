import type { Clock } from '../../src/ports/clock.ts';
import { type Inference, InferenceError, type InferenceRequest, type ModelInfo } from '../../src/ports/inference.ts';
import type { Scheduler } from './scheduler.ts';

/** One answer in so many is written slowly: long enough for everything else to happen meanwhile. */
const SLOW_ONE_IN = 8;
const CHARACTER_MS = { least: 15, most: 45 };
const SLOW_CHARACTER_MS = { least: 400, most: 1_500 };

/** Some are longer than a byte in UTF-8, so that a cut inside a character shows. */
const ALPHABET = [...'etaoin shrdluäöüéßж中文🙂.,'];

const hash = (text: string): number => [...text].reduce((sum, char) => (sum * 31 + char.codePointAt(0)!) >>> 0, 7);

/** What the model says to a message, as characters: a function of the message, so that every byte can be checked. */
export function expectedAnswer(message: string, salt = ''): { reasoning: string[]; text: string[] } {
  const seed = hash(message + salt);
  const characters = (length: number, channel: number) =>
    Array.from(
      { length },
      (_, index) => ALPHABET[(seed * (index + 3) + channel + ((index * index) % 17)) % ALPHABET.length]!,
    );
  return { reasoning: characters(seed % 3 === 0 ? 5 + (seed % 11) : 0, 1), text: characters(8 + (seed % 90), 0) };
}

export const isSlow = (message: string): boolean => hash(`${message} pace`) % SLOW_ONE_IN === 0;

export type InferenceFaults = {
  /** Chance that a request breaks off, somewhere. */
  breaks: number;
  /** Goes on from a prefix; otherwise each request writes something else. */
  continues: boolean;
  /** Every request fails. */
  down: boolean;
};

export function simulatedInference(scheduler: Scheduler, clock: Clock, faults: InferenceFaults): Inference {
  const model: ModelInfo = {
    id: 'simulated',
    title: 'Simulated',
    description: '',
    contextWindow: 100_000,
    continues: faults.continues,
    tokensPerMessage: 4,
    systemPrompt: null,
    defaultTemperature: 0,
    suggestions: [],
  };
  return {
    models: () => [model],
    countTokens: async (_model, texts) => texts.map((text) => [...text].length),
    health: async () => ({ status: 'up', detail: '' }),
    async generate(request, sink, signal) {
      const question = request.messages.at(-1)!.content;
      const answer = answerTo(request, faults.continues ? '' : String(scheduler.random()));
      const pace = isSlow(question) ? SLOW_CHARACTER_MS : CHARACTER_MS;
      const done = { reasoning: [...request.prefix.reasoning].length, text: [...request.prefix.text].length };
      const rest = [
        ...answer.reasoning.slice(done.reasoning).map((char) => ['reasoning', char] as const),
        ...answer.text.slice(done.text).map((char) => ['text', char] as const),
      ];
      const breaksAt = scheduler.random() < faults.breaks ? scheduler.between(0, rest.length) : -1;
      await clock.sleep(scheduler.between(20, 80), signal);
      sink.prompted(request.messages.length, 0);
      let due = clock.now();
      for (const [index, [channel, char]] of rest.entries()) {
        if (index === breaksAt || faults.down) throw new InferenceError('engine', 'simulated');
        sink[channel](char, 1);
        // The model is elsewhere: a process that was paused finds all that was said meanwhile, at once.
        due += scheduler.between(pace.least, pace.most);
        await clock.sleep(due - clock.now(), signal);
      }
      const usage = { promptTokens: 1, reusedTokens: 0, completionTokens: rest.length };
      return { finishReason: 'stop', usage, model: model.id };
    },
  };
}

function answerTo(request: InferenceRequest, salt: string) {
  return expectedAnswer(request.messages.at(-1)!.content, salt);
}
