import { getLlama, LlamaText, SpecialTokensText } from 'node-llama-cpp';

/**
 * The measure for the engine: the loop that the library's own documentation leads to, in a process of its own.
 * Messages in: `{ load }` once, then `{ prompts, maxTokens }`; out: when each first token came and how many there were.
 */
export type PlainLoad = { load: { modelPath: string; slots: number; contextSize: number; threads: number } };
export type PlainRound = { prompts: string[]; maxTokens: number };
export type PlainResult = { firstTokenMs: number[]; tokens: number; ms: number };

process.on('disconnect', () => process.exit(0));
process.on('message', (message: PlainLoad | PlainRound) => {
  if ('load' in message) void load(message.load);
  else void answer(message).then((result) => process.send!(result));
});

let answer: (round: PlainRound) => Promise<PlainResult>;

async function load({ modelPath, slots, contextSize, threads }: PlainLoad['load']): Promise<void> {
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, maxThreads: threads });
  const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
  const context = await model.createContext({ sequences: slots, contextSize, threads });
  const sequences = Array.from({ length: slots }, () => context.getSequence());
  answer = async ({ prompts, maxTokens }) => {
    await Promise.all(sequences.map((sequence) => sequence.clearHistory()));
    const began = performance.now();
    const firstTokenMs: number[] = [];
    let tokens = 0;
    const one = async (prompt: string, index: number) => {
      const text = LlamaText([
        new SpecialTokensText('<|im_start|>user\n'),
        prompt,
        new SpecialTokensText('<|im_end|>\n<|im_start|>assistant\n'),
      ]);
      const written: number[] = [];
      const last = () => written.slice(-64) as ReturnType<typeof model.tokenize>;
      const options = { temperature: 0, repeatPenalty: { penalty: 1.15, punishTokens: last } };
      for await (const token of sequences[index]!.evaluate(text.tokenize(model.tokenizer), options)) {
        if (written.length === 0) firstTokenMs.push(performance.now() - began);
        model.detokenize([token], false, last().slice(-3));
        written.push(token);
        tokens++;
        if (written.length === maxTokens) break;
      }
    };
    await Promise.all(prompts.map(one));
    return { firstTokenMs, tokens, ms: performance.now() - began };
  };
  await answer({ prompts: ['Warm up.'], maxTokens: 2 });
  process.send!('ready');
}
