import {
  type ChatHistoryItem,
  type LlamaModel,
  LlamaText,
  resolveChatWrapper,
  SpecialTokensText,
  type Token,
} from 'node-llama-cpp';
import { joinReasoning, type Split, THINK_CLOSE, THINK_OPEN } from './reasoning-splitter.ts';
import type { PlainMessage } from './tool-prompt.ts';

/** How a model wants to be spoken to: messages in, tokens out. What people wrote never becomes special tokens. */
export type ChatForm = {
  /** The prompt, and behind it the part of the answer that there is. */
  render(messages: readonly PlainMessage[], prefix: Split): Token[];
  /** The prompt itself ends with the opening mark of the reasoning. */
  opensReasoning: boolean;
  /** Tokens that end an answer, beside those that the model's file names. */
  stops: ReadonlySet<Token>;
  /** Reasoning marks that are control tokens, and so have no text of their own. */
  marks: ReadonlyMap<Token, string>;
  /** Upper bound of the tokens that the form adds per message. */
  tokensPerMessage: number;
};

const NO_PREFIX: Split = { text: '', reasoning: '' };

/** ChatML where the vocabulary has it, which most small models do; else whatever the file's own template says. */
export function chatFormOf(model: LlamaModel): ChatForm {
  const template = model.fileInfo.metadata.tokenizer?.chat_template ?? '';
  const chatMl = specialToken(model, '<|im_start|>') !== null && specialToken(model, '<|im_end|>') !== null;
  const plain = chatMl && (template === '' || template.includes('<|im_start|>'));
  const opensReasoning = promptOpensReasoning(template);
  const form = plain ? chatMlForm(model, opensReasoning) : templateForm(model, opensReasoning);
  return { ...form, marks: reasoningMarks(model), tokensPerMessage: tokensPerMessage(form, model) };
}

type BareForm = Omit<ChatForm, 'marks' | 'tokensPerMessage'>;

function chatMlForm(model: LlamaModel, opensReasoning: boolean): BareForm {
  const { bos, shouldPrependBosToken } = model.tokens;
  const turn = specialToken(model, '<|im_start|>');
  const beginning = shouldPrependBosToken && bos !== null && bos !== turn ? [bos] : [];
  return {
    render: (messages, prefix) => [
      ...beginning,
      ...LlamaText([
        ...messages.flatMap(({ role, content }) => [
          new SpecialTokensText(`<|im_start|>${role}\n`),
          content,
          new SpecialTokensText('<|im_end|>\n'),
        ]),
        new SpecialTokensText('<|im_start|>assistant\n'),
        ...begunAnswer(prefix, opensReasoning),
      ]).tokenize(model.tokenizer),
    ],
    opensReasoning,
    stops: new Set([turn, specialToken(model, '<|im_end|>')].filter((token) => token !== null)),
  };
}

/** The library's rendering of the file's own template; it leaves an opening mark of the reasoning away. */
function templateForm(model: LlamaModel, opensReasoning: boolean): BareForm {
  const wrapper = resolveChatWrapper(model);
  const state = (messages: readonly PlainMessage[]) =>
    wrapper.generateContextState({ chatHistory: historyOf(messages) });
  const probe = state([{ role: 'user', content: 'x' }]);
  const stops = new Set<Token>();
  for (const trigger of probe.stopGenerationTriggers) {
    const tokens = trigger.tokenize(model.tokenizer);
    // A line break that some template puts behind a message ends no answer.
    if (tokens.length === 1 && model.isSpecialToken(tokens[0])) stops.add(tokens[0]!);
  }
  return {
    render: (messages, prefix) =>
      LlamaText([state(messages).contextText, ...begunAnswer(prefix, opensReasoning)]).tokenize(model.tokenizer),
    opensReasoning,
    stops,
  };
}

function historyOf(messages: readonly PlainMessage[]): ChatHistoryItem[] {
  const history = messages.map(({ role, content }): ChatHistoryItem => {
    if (role === 'assistant') return { type: 'model', response: [content] };
    return { type: role, text: content };
  });
  return [...history, { type: 'model', response: [] }];
}

function begunAnswer(prefix: Split, opensReasoning: boolean): (string | SpecialTokensText)[] {
  const begun = joinReasoning(prefix, opensReasoning).map((part) =>
    'mark' in part ? new SpecialTokensText(part.mark) : part.text,
  );
  return opensReasoning ? [new SpecialTokensText(`${THINK_OPEN}\n`), ...begun] : begun;
}

/** Whether the part of the template that asks for an answer opens the reasoning, and does not close it again. */
function promptOpensReasoning(template: string): boolean {
  const start = template.lastIndexOf('add_generation_prompt');
  if (start < 0) return false;
  const asking = template.slice(start);
  return asking.lastIndexOf(THINK_OPEN) > asking.lastIndexOf(THINK_CLOSE);
}

function specialToken(model: LlamaModel, text: string): Token | null {
  const tokens = model.tokenize(text, true);
  return tokens.length === 1 ? tokens[0]! : null;
}

function reasoningMarks(model: LlamaModel): ReadonlyMap<Token, string> {
  const marks = new Map<Token, string>();
  for (const mark of [THINK_OPEN, THINK_CLOSE]) {
    const token = specialToken(model, mark);
    if (token !== null && model.detokenize([token]) === '') marks.set(token, mark);
  }
  return marks;
}

/** The first message also pays for the beginning and for the request to answer. */
function tokensPerMessage(form: BareForm, model: LlamaModel): number {
  const content = 'x';
  const contentTokens = model.tokenize(content).length;
  const length = (...roles: PlainMessage['role'][]) =>
    form.render(
      roles.map((role) => ({ role, content })),
      NO_PREFIX,
    ).length -
    roles.length * contentTokens;
  const one = length('user');
  const two = length('system', 'user') - one;
  const three = (length('user', 'assistant', 'user') - one) / 2;
  return Math.ceil(Math.max(one, two, three));
}
