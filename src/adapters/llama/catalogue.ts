/** What is known of a model beyond its file: where it comes from, how to speak to it, what to expect of it. */
export type CatalogueEntry = {
  id: string;
  title: string;
  description: string;
  /** Matched against the file's own name for itself (`general.name`), so that a path finds its entry too. */
  recognise: RegExp;
  hub: { repository: string; file: string; approximateBytes: number };
  /** Of its weights, by its SPDX name. */
  licence: string;
  /** Bytes, about, of its file and one chat's window. */
  memoryBytes: number;
  form: 'chatml';
  systemPrompt: string | null;
  sampling: Sampling;
  /** Tokens of each chat's window, where the machine's memory allows. */
  contextSize: number;
  suggestions: readonly string[];
};

export type Sampling = {
  temperature: number;
  topP: number;
  topK: number;
  minP: number;
  /** Divides the odds of tokens among the last `window` of the answer; 1 is none. */
  repeatPenalty: { penalty: number; window: number };
};

const ASSISTANT =
  'You are a helpful assistant. Answer in the language of the question, clearly and to the point. Say so when you do not know something.';

const QWEN_SAMPLING: Sampling = {
  temperature: 0.7,
  topP: 0.8,
  topK: 20,
  minP: 0,
  repeatPenalty: { penalty: 1.05, window: 64 },
};

const GENERAL_SUGGESTIONS = [
  'Explain how a rainbow forms, in three sentences.',
  'Write a short, friendly e-mail that moves a meeting to Thursday.',
  'What should I see on two days in Lisbon?',
  'Show me a Python function that finds duplicates in a list.',
];

/** The first is the default where the hub can be reached. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    id: 'qwen2.5-0.5b',
    title: 'Qwen2.5 0.5B Instruct',
    description: 'Small and quick on any machine (0.5 GB). Good at short everyday questions; check what it claims.',
    recognise: /qwen2\.5[ -_]0\.5b/i,
    hub: {
      repository: 'Qwen/Qwen2.5-0.5B-Instruct-GGUF',
      file: 'qwen2.5-0.5b-instruct-q4_k_m.gguf',
      approximateBytes: 491_000_000,
    },
    licence: 'Apache-2.0',
    memoryBytes: 700_000_000,
    form: 'chatml',
    systemPrompt: ASSISTANT,
    sampling: QWEN_SAMPLING,
    contextSize: 8192,
    suggestions: GENERAL_SUGGESTIONS,
  },
  {
    id: 'qwen2.5-1.5b',
    title: 'Qwen2.5 1.5B Instruct',
    description: 'A clear step up in sense and knowledge (1.1 GB), still usable without a graphics card.',
    recognise: /qwen2\.5[ -_]1\.5b/i,
    hub: {
      repository: 'Qwen/Qwen2.5-1.5B-Instruct-GGUF',
      file: 'qwen2.5-1.5b-instruct-q4_k_m.gguf',
      approximateBytes: 1_120_000_000,
    },
    licence: 'Apache-2.0',
    memoryBytes: 1_500_000_000,
    form: 'chatml',
    systemPrompt: ASSISTANT,
    sampling: QWEN_SAMPLING,
    contextSize: 8192,
    suggestions: GENERAL_SUGGESTIONS,
  },
  {
    id: 'qwen3-4b',
    title: 'Qwen3 4B Instruct 2507',
    description: 'The best of these by far (2.5 GB); wants a fast processor with 8 GB of memory or more.',
    recognise: /qwen3[ -_]4b[ -_]instruct/i,
    hub: {
      repository: 'bartowski/Qwen_Qwen3-4B-Instruct-2507-GGUF',
      file: 'Qwen_Qwen3-4B-Instruct-2507-Q4_K_M.gguf',
      approximateBytes: 2_500_000_000,
    },
    licence: 'Apache-2.0',
    memoryBytes: 4_000_000_000,
    form: 'chatml',
    systemPrompt: ASSISTANT,
    sampling: { ...QWEN_SAMPLING, repeatPenalty: { penalty: 1, window: 64 } },
    contextSize: 8192,
    suggestions: GENERAL_SUGGESTIONS,
  },
  {
    id: 'smollm2-135m',
    title: 'SmolLM2 135M Instruct',
    description:
      'A stand-in that runs anywhere (0.15 GB): it writes fluent English and knows a few facts, but forgets what was said before and makes things up.',
    recognise: /smollm2[ -_]135m/i,
    hub: {
      repository: 'bartowski/SmolLM2-135M-Instruct-GGUF',
      file: 'SmolLM2-135M-Instruct-Q8_0.gguf',
      approximateBytes: 145_000_000,
    },
    licence: 'Apache-2.0',
    memoryBytes: 300_000_000,
    form: 'chatml',
    // With any system message, its template's own included, this model answers nonsense; without one, Paris.
    systemPrompt: null,
    // Greedy without a penalty loops, and so does a low temperature.
    sampling: { temperature: 0, topP: 0.95, topK: 40, minP: 0, repeatPenalty: { penalty: 1.15, window: 64 } },
    contextSize: 4096,
    suggestions: [
      'What is the capital of France?',
      'Why is the sky blue?',
      'Write a short story about a lighthouse.',
      'Give me three tips for a good night’s sleep.',
    ],
  },
];

export const DEFAULT_ENTRY = CATALOGUE[0]!;

/** For a file that is in nobody's catalogue: its own template, and what most models bear. */
export const UNKNOWN_MODEL = {
  description: 'A model of your own choice.',
  systemPrompt: ASSISTANT,
  sampling: {
    temperature: 0.7,
    topP: 0.95,
    topK: 40,
    minP: 0.05,
    repeatPenalty: { penalty: 1.05, window: 64 },
  } satisfies Sampling,
  contextSize: 4096,
  suggestions: GENERAL_SUGGESTIONS,
} as const;

export function findEntry(id: string): CatalogueEntry | null {
  return CATALOGUE.find((entry) => entry.id === id.toLowerCase()) ?? null;
}

/** `name`: what the file calls itself. */
export function recogniseModel(name: string): CatalogueEntry | null {
  return CATALOGUE.find((entry) => entry.recognise.test(name)) ?? null;
}
